#[lzap::task(retries = 3)]
async fn one() -> Result<(), String> {
    Ok(())
}

#[lzap::task(name = "with space")]
async fn two() -> Result<(), String> {
    Ok(())
}

fn main() {}
