use std::sync::Mutex;

struct Connection(Mutex<u8>);

#[lzap::task]
async fn query(connection: Connection) -> Result<u8, String> {
    Ok(*connection.0.lock().unwrap())
}

fn main() {
    let _ = query.call(Connection(Mutex::new(1)));
}
