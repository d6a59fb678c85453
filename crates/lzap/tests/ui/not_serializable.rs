use std::sync::Mutex;

struct Connection(Mutex<u8>);

#[lzap::task]
async fn query(connection: Connection) -> Result<u8, String> {
    connection.0.lock().map(|number| *number).map_err(|error| error.to_string())
}

fn main() {
    let _ = query.call(Connection(Mutex::new(1)));
}
