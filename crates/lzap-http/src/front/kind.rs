//! The kinds of fronts, and the limits of their answers.

use std::time::Duration;

use lzap_wire::limits::{LOAD_BALANCER_RESPONSE_BYTES, SYNC_PAYLOAD_BYTES};

/// The service that sent the event. Each has its own way with paths, queries and repeated headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    /// An HTTP API with payload format 2.0. Its path arrives decoded.
    /// AWS: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
    HttpApiV2,
    /// An HTTP API with payload format 1.0. Its path arrives decoded.
    HttpApiV1,
    /// A function URL: payload format 2.0, but the path arrives encoded.
    /// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>
    FunctionUrl,
    /// A REST API. Its path arrives encoded and without the stage.
    /// AWS: <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>
    RestApi,
    /// A load balancer whose target group has multi-value headers off.
    /// AWS: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>
    LoadBalancer,
    /// A load balancer whose target group has multi-value headers on.
    LoadBalancerMultiValue,
}

/// The time that an HTTP API waits for an answer (30 s), minus time for the way there and back: the wait began before this
/// process got the request.
///
/// AWS: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
const GATEWAY_WAIT: Duration = Duration::from_secs(28);

impl Front {
    /// The time for which the front waits after this process got the request, even if the function's timeout is longer.
    /// `None`: a function URL waits as long as the function may run.
    pub(crate) fn longest_wait(self) -> Option<Duration> {
        match self {
            Self::FunctionUrl => None,
            // A REST API's wait (29 s) and a load balancer's (60 s) can be raised, so the shortest one counts for all.
            Self::HttpApiV2
            | Self::HttpApiV1
            | Self::RestApi
            | Self::LoadBalancer
            | Self::LoadBalancerMultiValue => Some(GATEWAY_WAIT),
        }
    }

    /// In bytes of the answer's JSON text. API Gateway allows more, so Lambda's own limit counts for it.
    pub(crate) fn answer_limit(self) -> u64 {
        match self {
            Self::LoadBalancer | Self::LoadBalancerMultiValue => LOAD_BALANCER_RESPONSE_BYTES,
            Self::HttpApiV2 | Self::HttpApiV1 | Self::FunctionUrl | Self::RestApi => SYNC_PAYLOAD_BYTES,
        }
    }

    /// The service whose limit [`Self::answer_limit`] is, for a log line.
    pub(crate) fn carrier(self) -> &'static str {
        match self {
            Self::LoadBalancer | Self::LoadBalancerMultiValue => "a load balancer",
            Self::HttpApiV2 | Self::HttpApiV1 | Self::FunctionUrl | Self::RestApi => "Lambda",
        }
    }
}
