//! The page, as a server sees it. (How it behaves in a browser is not tested here.)

use crate::common::send;
use axum::body::Body;
use axum::http::{Request, StatusCode};

#[tokio::test]
async fn the_page_is_one_file_that_may_load_nothing_from_elsewhere() {
    let answer = send(Request::get("/").body(Body::empty()).expect("a valid request")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert!(
        answer
            .header("content-security-policy")
            .starts_with("default-src 'none'; ")
    );
    assert!(answer.body.starts_with("<!doctype html>"));
    assert!(answer.body.contains("<form") && answer.body.contains("type=\"file\""));
}

#[tokio::test]
async fn page_names_the_caps_in_effect() {
    let page = send(Request::get("/").body(Body::empty()).expect("a valid request")).await;
    let caps = "The app allows up to $0.05, 1000 invocations and 50 at once for each request; ";
    assert!(page.body.contains(caps));
}

#[tokio::test]
async fn page_ignores_its_query() {
    let answer = send(
        Request::get("/?utm_source=x")
            .body(Body::empty())
            .expect("a valid request"),
    )
    .await;
    assert_eq!(answer.status, StatusCode::OK);
    let head = send(Request::head("/").body(Body::empty()).expect("a valid request")).await;
    assert_eq!((head.status, head.body.as_str()), (StatusCode::OK, ""));
}

#[tokio::test]
async fn page_has_a_field_for_each_parameter() {
    let page = send(Request::get("/").body(Body::empty()).expect("a valid request"))
        .await
        .body;
    for name in csv_group_sum::params::NAMES
        .iter()
        .filter(|name| **name != "report")
    {
        let field = format!("id=\"{name}\" name=\"{name}\"");
        assert!(page.contains(&field), "{field}");
        let label = format!("for=\"{name}\"");
        assert!(page.contains(&label), "{label}");
        let sent = format!("'{name}'");
        assert!(page.contains(&sent), "{sent}");
    }
    for part in [
        "id=\"chart\"",
        "id=\"legend\"",
        "id=\"spans\"",
        "id=\"facts\"",
        "accept: 'application/json'",
    ] {
        assert!(page.contains(part), "{part}");
    }
}
