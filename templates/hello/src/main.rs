//! A web app on AWS Lambda. `cargo run` serves it on localhost:5000, and `lzap deploy` deploys it to AWS.

use axum::{Router, routing::get};

// One thread is enough: Lambda sends an execution environment one request at a time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lzap::Error> {
    let router = Router::new().route("/", get(index));
    lzap::App::new(router).run().await
}

async fn index() -> &'static str {
    "Hello from Rust!\n"
}
