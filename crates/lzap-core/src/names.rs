//! Names and ARNs of everything that a stage owns, computed from app, stage, account and region.
//!
//! There is no state file: two clones and a CI job compute the same names. The one thing that AWS names itself, the
//! API's id, is found by tag.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::ids::{ApiId, RuleName, StatementId};

/// The alias that all traffic goes through.
pub const ALIAS: &str = "live";
/// The tag that holds the app's name.
pub const TAG_APP: &str = "lzap:app";
/// The tag that holds the stage's name.
pub const TAG_STAGE: &str = "lzap:stage";
/// The function's tag that tells what the app uses; see [`crate::uses`].
pub const TAG_USES: &str = "lzap:uses";
/// The tag of a bucket that lzap made.
pub const TAG_MANAGED: &str = "lzap:managed";
/// The statement that lets the HTTP API call the alias.
pub const STATEMENT_API: &str = "lzap-http-api";
/// Prefix of the ids of the statements that let schedules call the alias.
const STATEMENT_SCHEDULE: &str = "lzap-schedule-";
/// Suffix of the keep-warm rule's name.
pub const KEEP_WARM: &str = "keep-warm";
/// The service principal that calls on an API's behalf.
pub const API_PRINCIPAL: &str = "apigateway.amazonaws.com";
/// The service principal that calls on a rule's behalf.
pub const EVENTS_PRINCIPAL: &str = "events.amazonaws.com";
/// The name of the role's inline policy.
pub const POLICY: &str = "lzap";
/// The id of a rule's target.
pub const TARGET: &str = "live";

/// The account and region that a stage lives in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `aws`, `aws-cn` or `aws-us-gov`; as the caller's own ARN says it.
    pub partition: String,
    /// The account's twelve digits.
    pub account: String,
    /// The region.
    pub region: String,
}

/// The name of the execution role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleName {
    /// lzap creates the role, under this IAM path.
    Made {
        /// The path, with a `/` at both ends.
        path: String,
    },
    /// An existing role, by its ARN.
    Existing(String),
}

impl Default for RoleName {
    fn default() -> Self {
        Self::Made { path: "/".to_owned() }
    }
}

/// One of a stage's two functions. They share everything but the function itself and its log group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The app's function, which serves requests.
    #[default]
    App,
    /// The worker function: the same artifact, for the chunks of maps only.
    Workers,
}

/// The names of one stage's resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The app.
    pub app: String,
    /// The stage.
    pub stage: String,
    /// The account and region that the stage lives in.
    pub place: Place,
    /// The role that the function runs as.
    pub role: RoleName,
    /// The function that [`Self::function`] and the names derived from it refer to.
    pub part: Part,
}

impl Names {
    /// The function: `{app}-{stage}`, or `{app}-{stage}-workers`.
    pub fn function(&self) -> String {
        let app = function(&self.app, &self.stage);
        match self.part {
            Part::App => app,
            Part::Workers => format!("{app}-workers"),
        }
    }

    /// The same names, for the function of `part`.
    #[must_use]
    pub fn of(&self, part: Part) -> Self {
        Self { part, ..self.clone() }
    }

    /// The same names, for the worker function.
    #[must_use]
    pub fn workers(&self) -> Self {
        self.of(Part::Workers)
    }

    /// The function's ARN, without a qualifier.
    pub fn function_arn(&self) -> String {
        self.arn("lambda", &format!("function:{}", self.function()))
    }

    /// The alias's ARN: what the API and the rules call.
    pub fn alias_arn(&self) -> String {
        format!("{}:{ALIAS}", self.function_arn())
    }

    /// The execution role that lzap makes: `{app}-{stage}-{region}-lzap`, at most 64 characters.
    pub fn role(&self) -> String {
        role(&self.app, &self.stage, &self.place.region)
    }

    /// The ARN of the role that the function runs as; the path of one that lzap makes is part of it.
    pub fn role_arn(&self) -> String {
        let Place { partition, account, .. } = &self.place;
        match &self.role {
            RoleName::Made { path } => format!("arn:{partition}:iam::{account}:role{path}{}", self.role()),
            RoleName::Existing(arn) => arn.clone(),
        }
    }

    /// True if lzap creates the role; false if it uses an existing one unchanged.
    pub fn makes_role(&self) -> bool {
        matches!(self.role, RoleName::Made { .. })
    }

    /// The bucket of the account and region, shared by all stages there.
    pub fn bucket(&self) -> String {
        format!("lzap-{}-{}", self.place.account, self.place.region)
    }

    /// The prefix of all of this stage's objects in the bucket.
    pub fn prefix(&self) -> String {
        format!("{}/{}/", self.app, self.stage)
    }

    /// All objects of the bucket whose keys begin with `prefix`.
    pub(crate) fn objects_arn(&self, prefix: &str) -> String {
        format!("arn:{}:s3:::{}/{prefix}*", self.place.partition, self.bucket())
    }

    /// The artifact's key, by the hex SHA-256 of its bytes.
    pub fn artifact_key(&self, sha256: &str) -> String {
        format!("{}{sha256}.zip", self.prefix())
    }

    /// True if the key is an artifact of this stage. Deeper keys belong to the app.
    pub fn is_artifact(&self, key: &str) -> bool {
        let name = key.strip_prefix(&self.prefix()).and_then(|name| name.strip_suffix(".zip"));
        name.is_some_and(|name| !name.contains('/'))
    }

    /// The key of the lock, which keeps deploys of this stage apart.
    pub fn lock_key(&self) -> String {
        format!("{}lock", self.prefix())
    }

    /// The mark of the last command that changed the stage.
    pub fn mark_key(&self) -> String {
        format!("{}last", self.prefix())
    }

    /// The log group.
    pub fn log_group(&self) -> String {
        format!("/aws/lambda/{}", self.function())
    }

    /// The log group's ARN, without the `:*` that stands for its streams.
    pub fn log_group_arn(&self) -> String {
        self.arn("logs", &format!("log-group:{}", self.log_group()))
    }

    /// The HTTP API's name. Names aren't unique in API Gateway, so the tags identify the API.
    pub fn api(&self) -> String {
        self.function()
    }

    /// The source ARN of the API for the permission: any method and path of any stage of this API.
    pub fn api_source_arn(&self, api: &ApiId) -> String {
        self.arn("execute-api", &format!("{api}/*/*"))
    }

    /// An HTTP API's own ARN, which has no account in it.
    ///
    /// AWS: <https://docs.aws.amazon.com/apigateway/latest/developerguide/arn-format-reference.html>
    pub fn api_arn(&self, api: &ApiId) -> String {
        let Place { partition, region, .. } = &self.place;
        format!("arn:{partition}:apigateway:{region}::/apis/{api}")
    }

    /// The rule of this name: [`KEEP_WARM`], or a schedule's.
    pub fn rule(&self, name: &RuleName) -> String {
        rule(&self.app, &self.stage, name)
    }

    /// The rule's ARN.
    pub fn rule_arn(&self, name: &RuleName) -> String {
        self.arn("events", &format!("rule/{}", self.rule(name)))
    }

    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        let Place { partition, account, region } = &self.place;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

/// The function's name: needs no account, so that reads can start before the account is known.
pub fn function(app: &str, stage: &str) -> String {
    format!("{app}-{stage}")
}

/// A rule's name. The common prefix lets one call list all rules of a stage.
pub fn rule(app: &str, stage: &str, name: &RuleName) -> String {
    format!("{app}-{stage}-{name}")
}

/// The statement that lets the rule call the alias.
pub fn rule_statement(rule: &RuleName) -> StatementId {
    let is_keep_warm = rule.as_str() == KEEP_WARM;
    StatementId::new(if is_keep_warm {
        format!("lzap-{rule}")
    } else {
        format!("{STATEMENT_SCHEDULE}{rule}")
    })
}

/// The rule that a statement lets call the alias; `None` for a statement that isn't lzap's, or not for a rule.
pub fn statement_rule(statement: &StatementId) -> Option<RuleName> {
    let text = statement.as_str();
    let keep_warm = text.strip_prefix("lzap-").filter(|name| *name == KEEP_WARM);
    keep_warm.or_else(|| text.strip_prefix(STATEMENT_SCHEDULE)).map(RuleName::new)
}

/// Returns whether `tags` say that a resource belongs to this app and stage.
pub fn is_ours(tags: &BTreeMap<String, String>, names: &Names) -> bool {
    tags.get(TAG_APP) == Some(&names.app) && tags.get(TAG_STAGE) == Some(&names.stage)
}

/// The partition of a region, for commands that make no call: otherwise AWS's own ARNs tell it.
///
/// AWS: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>
pub fn partition(region: &str) -> &'static str {
    let families = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("us-isof-", "aws-iso-f"),
        ("eu-isoe-", "aws-iso-e"),
        ("eusc-", "aws-eusc"),
    ];
    families.iter().find(|(start, _)| region.starts_with(start)).map_or("aws", |(_, partition)| partition)
}

/// The role's name. IAM is global, so the region is part of it; a longer name gets a hash at its end.
pub fn role(app: &str, stage: &str, region: &str) -> String {
    cap_length(&format!("{app}-{stage}-{region}"), "-lzap")
}

/// The name of a role: `start` and `end`, and where that is too long, a hash instead of the middle.
pub(crate) fn cap_length(start: &str, end: &str) -> String {
    const LIMIT: usize = lzap_wire::limits::ROLE_NAME_CHARS;
    const TAIL: usize = 10;
    let full = format!("{start}{end}");
    if full.len() <= LIMIT {
        return full;
    }
    let hash: String = hex(&Sha256::digest(full.as_bytes())).chars().take(TAIL).collect();
    // The hash covers the full name, so two long names with the same start stay different.
    let keep = LIMIT - TAIL - "-".len() - end.len();
    format!("{}-{hash}{end}", &full[..keep])
}

/// Lower-case hex of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a `String` can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Lower-case hex of a hash that Lambda writes in base64; `None` where it isn't one.
pub fn sha256_hex(code_sha256: &str) -> Option<String> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(code_sha256).ok().map(|bytes| hex(&bytes))
}
