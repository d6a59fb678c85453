//! Jobs: reads their records from the bucket. The runtime crate writes them; this crate only reads.

use lzap_core::names::Names;
use lzap_wire::job::{self, JobRecord};

use crate::clients::Clients;
use crate::error::AwsError;
use crate::resource::artifact::get_object;

/// Reads the record of the job with this id; `None` if there is none, or it has expired. One `s3:GetObject`.
///
/// # Errors
/// The read was refused, AWS didn't respond, or the object isn't a job record.
pub async fn read_job(clients: &Clients, names: &Names, id: &str) -> Result<Option<JobRecord>, AwsError> {
    // An id in another form can't be a job's, so there is nothing to read.
    let Some(key) = job::key(&names.app, &names.stage, id) else {
        return Ok(None);
    };
    let found = Box::pin(get_object(clients, names, &key)).await;
    let Some(bytes) = found.map_err(|error| clients.explain(error))? else {
        return Ok(None);
    };
    let record = serde_json::from_slice(&bytes);
    record.map(Some).map_err(|error| AwsError::broken("s3:GetObject", format!("no job's record: {error}")))
}
