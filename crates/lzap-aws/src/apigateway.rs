//! API Gateway v2: the HTTP API, its integration, its route and its stage.
//!
//! AWS: <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/api-reference.html>

mod read;
mod write;

pub(crate) use read::{list_apis, with_parts};
pub(crate) use write::{
    create_api, create_integration, create_route, create_stage, delete_api, tag_api, update_integration,
    update_route, update_stage,
};

/// The route and the stage that take everything.
const DEFAULT: &str = "$default";
/// The event format that the runtime crate reads.
const PAYLOAD_FORMAT: &str = "2.0";
