//! Generated requests: a fixed seed gives the same list everywhere.

use super::echo::ANSWER;

/// One request, as it is written to the connection.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) method: &'static str,
    /// Encoded, without the query.
    pub(crate) path: String,
    /// Encoded, without the question mark.
    pub(crate) query: Option<String>,
    /// In order, names in lower case; `host` and `content-length` are not among them.
    pub(crate) headers: Vec<(&'static str, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

/// The generator `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("small")
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// True once in `times`.
    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

const METHODS: [&str; 9] = ["GET", "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PURGE"];
const PATH_PARTS: [&str; 38] = [
    "a",
    "items",
    "prod",
    "index.html",
    "%2F",
    "%5C",
    "%0A",
    "%0D%0A",
    "%00",
    "%FF",
    "%23",
    "%3F",
    "%25",
    "%2541",
    "%2525",
    "%252F",
    "%253F",
    "%2523",
    "%25252F",
    "%20",
    "%2B",
    "+",
    "%CE%BB",
    "%e4%b8%96",
    "%F0%9F%A6%80",
    "..",
    ".",
    "%2e%2e",
    "%2E",
    "",
    "~",
    ";v=1",
    "a:b@c",
    "!$&'()*,=",
    "%7B%7D",
    "%5B%5D",
    "100%",
    "%zz",
];
const QUERY_PARTS: [&str; 30] = [
    "a=1",
    "a=2",
    "a=3",
    "a",
    "a=",
    "b=x",
    "b",
    "A=1",
    "z=%20",
    "z=x+y",
    "z=x%2By",
    "y=a%26b",
    "y=a%3Db",
    "x=a=b",
    "%61=4",
    "w=%C3%A9",
    "%CE%BB=1",
    "v=%2541",
    "v=%25",
    "u=a;b",
    "a;b=1",
    "t=/path?x",
    "s=a,b",
    "s=c",
    "=novalue",
    "",
    "r=!'()*~",
    "q=%00",
    "p=%0A",
    "n=:@$",
];
const BODIES: [(&str, &[u8]); 7] = [
    ("application/json", b"{\"a\":\"\\u00e9\"}"),
    ("text/plain; charset=utf-8", "grün \"quoted\"\n".as_bytes()),
    ("text/plain", b"\xff\xfe not utf-8"),
    ("application/octet-stream", &[0, 1, 2, 253, 254, 255]),
    ("application/x-www-form-urlencoded", b"a=1&b=%20"),
    ("image/svg+xml", b"<svg/>"),
    ("application/octet-stream", b""),
];
const STATUSES: [&str; 14] =
    ["200", "200", "200", "200", "201", "204", "304", "103", "302", "400", "404", "418", "500", "503"];

/// `count` requests. The first ones are the paths of the captured facts' kind, one part each.
pub(crate) fn generate(count: usize) -> Vec<Sent> {
    let mut random = Random(2026);
    let alone = PATH_PARTS.iter().map(|part| format!("/{part}"));
    let mut paths: Vec<String> = alone.take(count).collect();
    while paths.len() < count {
        paths.push(path(&mut random));
    }
    paths.into_iter().map(|path| request(&mut random, path)).collect()
}

fn path(random: &mut Random) -> String {
    let mut path = String::new();
    for _ in 0..=random.below(4) {
        path.push('/');
        for _ in 0..random.below(3) {
            path.push_str(random.pick(&PATH_PARTS));
        }
    }
    path
}

fn request(random: &mut Random, path: String) -> Sent {
    let method = random.pick(&METHODS);
    let query = (!random.once_in(4)).then(|| {
        let parts = (0..=random.below(6)).map(|_| random.pick(&QUERY_PARTS));
        parts.collect::<Vec<_>>().join("&")
    });
    let mut headers: Vec<(&'static str, Vec<u8>)> = Vec::new();
    let mut add = |name, value: &[u8]| headers.push((name, value.to_vec()));
    add("accept", b"*/*");
    if random.once_in(2) {
        for value in ["one", "two", "three, four"].into_iter().take(1 + random.below(3)) {
            add("x-multi", value.as_bytes());
        }
    }
    if random.once_in(3) {
        add("x-latin", random.pick(&[b"caf\xe9".as_slice(), b"\xc3\xa9", b"\xff\xfe\x80", b"tab\there"]));
    }
    if random.once_in(4) {
        add("x-empty", b"");
    }
    if random.once_in(8) {
        add("x-long", "0123456789abcdef".repeat(500).as_bytes());
    }
    if random.once_in(4) {
        add("x-forwarded-for", b"192.0.2.7");
        if random.once_in(2) {
            add("x-forwarded-for", b"192.0.2.8");
        }
    }
    if random.once_in(3) {
        add("cookie", b"session=abc123; theme=dark");
        if random.once_in(3) {
            add("cookie", b"third=3");
        }
    }
    let body = if matches!(method, "POST" | "PUT" | "PATCH") {
        let (content_type, body) = random.pick(&BODIES);
        add("content-type", content_type.as_bytes());
        if random.once_in(4) {
            add("content-encoding", b"gzip");
        }
        body.to_vec()
    } else {
        Vec::new()
    };
    let mut answer = format!(
        "{} {}",
        random.pick(&STATUSES),
        random.pick(&["empty", "text", "binary", "gzip", "encoded"])
    );
    for word in ["cookies", "repeated", "latin"] {
        if random.once_in(3) {
            answer.push(' ');
            answer.push_str(word);
        }
    }
    add(ANSWER, answer.as_bytes());
    Sent { method, path, query, headers, body }
}
