//! The execution role.
//!
//! Only a role that lzap creates: one that the user brings is never changed.

use lzap_core::names::{POLICY, RoleName};
use lzap_core::resource::function::ObservedFunction;
use lzap_core::resource::role::{ObservedRole, RoleOperation};

use crate::Model;

impl Model {
    /// Changes the role.
    pub(crate) fn apply_role(&mut self, operation: &RoleOperation) {
        match operation {
            RoleOperation::Create { permissions_boundary, trust_policy, tags } => {
                let RoleName::Made { path } = self.names().role.clone() else {
                    panic!("an existing role is never created");
                };
                self.cloud.role = Some(ObservedRole {
                    path,
                    permissions_boundary: permissions_boundary.clone(),
                    trust_policy: trust_policy.clone(),
                    policy: None,
                    inline: Vec::new(),
                    attached: Vec::new(),
                    tags: tags.clone(),
                });
            }
            RoleOperation::UpdateTrustPolicy(policy) => self.role().trust_policy = policy.clone(),
            RoleOperation::PutPermissionsBoundary(arn) => {
                self.role().permissions_boundary = Some(arn.clone());
            }
            RoleOperation::DeletePermissionsBoundary => self.role().permissions_boundary = None,
            RoleOperation::PutPolicy(policy) => {
                self.role().policy = Some(policy.clone());
                self.role().inline = vec![POLICY.to_owned()];
            }
            RoleOperation::Tag(tags) => self.role().tags.extend(tags.clone()),
            // Before a deletion: IAM deletes no role that has policies. These can be policies of others too.
            RoleOperation::DeletePolicy(name) => self.role().inline.retain(|policy| policy != name),
            RoleOperation::DetachPolicy(arn) => self.role().attached.retain(|policy| policy != arn),
            RoleOperation::Delete => self.delete_role(),
        }
    }

    /// Deletes the role.
    ///
    /// # Panics
    /// A function still runs with it, or it still has policies, which IAM answers with `DeleteConflict`.
    fn delete_role(&mut self) {
        let functions = [&self.cloud.function, &self.cloud.workers.function];
        let role_arn = self.names().role_arn();
        let runs_as_it = |function: &ObservedFunction| function.config.role_arn == role_arn;
        let is_used = functions.into_iter().flatten().any(runs_as_it);
        assert!(!is_used, "the role is deleted after its functions");
        let role = self.cloud.role.take().expect("the role exists");
        assert!(role.inline.is_empty() && role.attached.is_empty(), "its policies are deleted first");
    }

    /// Returns the role.
    ///
    /// # Panics
    /// It doesn't exist.
    fn role(&mut self) -> &mut ObservedRole {
        self.cloud.role.as_mut().expect("the role exists")
    }
}
