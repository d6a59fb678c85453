//! The choice of a request's route, without I/O.
//!
//! AWS: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>: a full match
//! wins over a greedy one, a greedy one over `$default`; the more specific path wins, then the named method over `ANY`.

use http::Method;
use serde_json::Value;

use super::fields::Fields;

/// The route that won.
#[derive(Debug, PartialEq)]
pub(super) struct Matched<'a> {
    pub(super) key: &'a str,
    pub(super) parameters: Fields,
}

/// The closeness of a match of one part of a path; greater is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Greedy,
    Parameter,
    Literal,
}

/// Refuses a malformed route key.
pub(super) fn check_route_key(key: &str) -> Result<(), String> {
    const METHODS: [&str; 8] = ["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
    if key == "$default" {
        return Ok(());
    }
    let good = key.split_once(' ').is_some_and(|(method, path)| {
        let parts: Vec<_> = path.split('/').collect();
        let greedy = parts.iter().position(|part| part.ends_with("+}"));
        METHODS.contains(&method) && path.starts_with('/') && greedy.is_none_or(|at| at + 1 == parts.len())
    });
    if good {
        Ok(())
    } else {
        Err(format!("The provided route key is not formatted properly for HTTP protocol: {key}"))
    }
}

/// Returns the best route among the keys; `None` when none matches.
pub(super) fn find_best_route<'a>(
    keys: impl Iterator<Item = &'a str>,
    method: &Method,
    path: &str,
) -> Option<Matched<'a>> {
    let candidates = keys.filter_map(|key| {
        let Some((wanted, route)) = key.split_once(' ') else {
            return Some((Vec::new(), false, key, Fields::new()));
        };
        let named = wanted == method.as_str();
        if !named && wanted != "ANY" {
            return None;
        }
        let (fits, parameters) = fit_path(route, path)?;
        Some((fits, named, key, parameters))
    });
    let (.., key, parameters) =
        candidates.max_by(|a, b| rank_fits(&a.0).cmp(&rank_fits(&b.0)).then(a.1.cmp(&b.1)))?;
    Some(Matched { key, parameters })
}

/// `$default` is last, a greedy route before it, then part by part.
fn rank_fits(fits: &[Fit]) -> (u8, &[Fit]) {
    let class = match fits.last() {
        None => 0,
        Some(Fit::Greedy) => 1,
        Some(_) => 2,
    };
    (class, fits)
}

fn fit_path(route: &str, path: &str) -> Option<(Vec<Fit>, Fields)> {
    let mut fits = Vec::new();
    let mut parameters = Fields::new();
    let mut rest = path.trim_matches('/');
    let mut open = !rest.is_empty();
    for part in route.trim_matches('/').split('/').filter(|part| !part.is_empty()) {
        if !open {
            return None;
        }
        if let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix("+}")) {
            parameters.insert(name.to_owned(), Value::from(rest));
            fits.push(Fit::Greedy);
            return Some((fits, parameters));
        }
        let (head, tail) = rest.split_once('/').map_or((rest, None), |(head, tail)| (head, Some(tail)));
        if let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            parameters.insert(name.to_owned(), Value::from(head));
            fits.push(Fit::Parameter);
        } else if part == head {
            fits.push(Fit::Literal);
        } else {
            return None;
        }
        (rest, open) = (tail.unwrap_or_default(), tail.is_some());
    }
    if open {
        return None;
    }
    // The root path has no parts, but is a full match.
    if fits.is_empty() {
        fits.push(Fit::Literal);
    }
    Some((fits, parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 8] = [
        "$default",
        "ANY /",
        "GET /pets/{id}",
        "GET /pets/{proxy+}",
        "ANY /pets/dog",
        "POST /pets/dog",
        "ANY /{proxy+}",
        "GET /pets/dog/{id}",
    ];

    fn check(method: &Method, path: &str, key: &str, parameters: &[(&str, &str)]) {
        let matched = find_best_route(KEYS.into_iter(), method, path).expect("a route");
        let expected: Fields =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
        assert_eq!(matched, Matched { key, parameters: expected }, "{method} {path}");
    }

    #[test]
    fn the_most_specific_route_wins() {
        check(&Method::GET, "/", "ANY /", &[]);
        check(&Method::GET, "/pets/cat", "GET /pets/{id}", &[("id", "cat")]);
        check(&Method::GET, "/pets/dog", "ANY /pets/dog", &[]);
        check(&Method::POST, "/pets/dog", "POST /pets/dog", &[]);
        check(&Method::GET, "/pets/dog/1", "GET /pets/dog/{id}", &[("id", "1")]);
        check(&Method::GET, "/pets/cat/1/2", "GET /pets/{proxy+}", &[("proxy", "cat/1/2")]);
        check(&Method::POST, "/pets/cat", "ANY /{proxy+}", &[("proxy", "pets/cat")]);
        assert_eq!(
            find_best_route(["$default"].into_iter(), &Method::PUT, "/x").map(|matched| matched.key),
            Some("$default")
        );
        assert_eq!(find_best_route(["GET /x"].into_iter(), &Method::PUT, "/x"), None);
        assert_eq!(find_best_route(["GET /x/{proxy+}"].into_iter(), &Method::GET, "/x"), None);
    }

    #[test]
    fn keys_are_checked() {
        for good in ["$default", "GET /", "ANY /a/{b}/{c+}"] {
            assert_eq!(check_route_key(good), Ok(()));
        }
        for bad in ["GET", "get /", "GET a", "FETCH /", "GET /{a+}/b", ""] {
            assert!(check_route_key(bad).is_err(), "{bad}");
        }
    }
}
