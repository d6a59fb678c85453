//! The program: the same binary serves `http://localhost:5000` under `cargo run` and the requests of a Lambda function.
//!
//! The app itself is the library; start reading there.

use std::error::Error;

// One thread, since a Lambda environment has one request at a time, except on Managed Instances.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // A cap that can't be read ends the start, and with it the deploy: running without the cap could cost money.
    lzap::App::new(csv_group_sum::router()?)
        .task(csv_group_sum::summarize)
        .task(csv_group_sum::summarize_after_a_wait)
        .run()
        .await?;
    Ok(())
}
