#[lzap::task]
async fn count(text: &str) -> Result<usize, String> {
    Ok(text.len())
}

fn main() {}
