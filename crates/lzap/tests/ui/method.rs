struct Shop;

impl Shop {
    #[lzap::task]
    async fn count(&self) -> Result<usize, String> {
        Ok(1)
    }
}

#[lzap::task]
struct NotAFunction;

fn main() {}
