#[lzap::task]
async fn count(text: String) -> usize {
    text.len()
}

#[lzap::task]
fn forget(_text: String) {}

fn main() {}
