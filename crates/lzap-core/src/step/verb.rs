//! What a call is called while it runs.

use super::Call;

impl Call {
    /// What a progress line says while it runs.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::UploadArtifact(_) => "uploading",
            Self::CreateFunction { .. }
            | Self::CreateApi { .. }
            | Self::CreateRole { .. }
            | Self::CreateBucket => "creating",
            Self::PublishVersion { .. } => "publishing",
            Self::Probe { .. } => "probing",
            Self::CreateAlias(_) | Self::UpdateAlias { .. } => "switching",
            Self::DeleteRule(_)
            | Self::RemoveTargets { .. }
            | Self::DeleteApi(_)
            | Self::DeleteFunction
            | Self::DeleteAsync
            | Self::DeleteVersion(_)
            | Self::DeleteRolePolicy(_)
            | Self::DetachRolePolicy(_)
            | Self::DeleteRole
            | Self::DeleteLogGroup
            | Self::DeleteObjects(_)
            | Self::DeleteBucketIfEmpty
            | Self::RemovePermission(_) => "deleting",
            Self::OfWorkers(call) => call.verb(),
            _ => "setting",
        }
    }
}
