#[lzap::task(crate = "company::lzap")]
async fn one() -> Result<(), String> {
    Ok(())
}

fn main() {}
