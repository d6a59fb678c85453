//! temp
#[tokio::main]
async fn main() {
    let dir = std::env::args().nth(1).expect("dir");
    let port = std::env::args().nth(2).and_then(|p| p.parse().ok());
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(tracing::Level::INFO).init();
    if let Err(e) = lzap_local::serve(lzap_local::ServeOptions { state_dir: dir.into(), port }).await {
        panic!("{e}");
    }
}
