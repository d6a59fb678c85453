#[lzap::task]
fn length(text: String) -> Result<u64, String> {
    Ok(text.len() as u64)
}

#[lzap::task]
fn double(n: u64) -> Result<u64, String> {
    Ok(2 * n)
}

async fn lengths() -> Result<Option<u64>, lzap::MapError> {
    length.map(["a".to_owned()]).reduce(double).await
}

fn main() {}
