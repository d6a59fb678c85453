#[lzap::task(crate = lzap)]
async fn one() -> Result<(), String> {
    Ok(())
}

#[lzap::task(crate = "company-lzap")]
async fn two() -> Result<(), String> {
    Ok(())
}

#[lzap::task(crate = "")]
async fn three() -> Result<(), String> {
    Ok(())
}

#[lzap::task(crate)]
async fn four() -> Result<(), String> {
    Ok(())
}

fn main() {}
