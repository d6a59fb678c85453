//! STS: `GetCallerIdentity` answers the local account; the rest is `winterbaume-sts`.

use bytes::Bytes;
use http::Request;
use winterbaume_sts::StsService;

use super::iam::read_parameter;
use super::{forward, not_implemented};
use crate::ACCOUNT;
use crate::answer::{self, Answer};

/// STS.
#[derive(Default)]
pub(crate) struct Sts {
    service: StsService,
}

impl Sts {
    /// Answers one request.
    pub(crate) async fn handle(&self, region: &str, request: Request<Bytes>) -> Answer {
        let operation = read_parameter(&request, "Action").unwrap_or_default();
        if operation == "GetCallerIdentity" {
            return caller_identity();
        }
        let answer = forward(&self.service, &format!("sts.{region}.amazonaws.com"), request).await;
        if String::from_utf8_lossy(answer.body()).contains("<Code>InvalidAction</Code>") {
            return answer::query_error(501, "NotImplemented", &not_implemented("sts", &operation));
        }
        answer
    }
}

fn caller_identity() -> Answer {
    let body = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult><Arn>arn:aws:iam::{ACCOUNT}:root</Arn><UserId>{ACCOUNT}</UserId><Account>{ACCOUNT}</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></GetCallerIdentityResponse>",
        uuid::Uuid::new_v4()
    );
    answer::build_answer(200, "text/xml", body)
}
