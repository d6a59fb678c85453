#[lzap::task]
async fn first<T: Clone>(items: Vec<T>) -> Result<T, String> {
    items.first().cloned().ok_or_else(String::new)
}

fn main() {}
