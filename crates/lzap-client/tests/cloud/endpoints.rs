//! The hosts of all regions, as botocore knows them.

use lzap_client::{AwsCredentials, Client, Settings};
use lzap_testkit::Python;
use serde_json::Value;

#[test]
fn endpoints_of_all_regions_equal_botocore_s() {
    let python = Python::ready().expect("Python");
    let output = python.run_script("endpoints.py", "").expect("botocore");
    let regions: Vec<Value> = serde_json::from_str(&output).expect("JSON");
    assert!(regions.len() > 35, "{}", regions.len());
    for region in regions {
        let text = |name: &str| region[name].as_str().unwrap_or_default().to_owned();
        let settings = Settings::new(&text("region"), AwsCredentials::new("AKID", "x", None));
        let shown = format!("{:?}", Client::new(&settings).expect("a region"));
        for service in ["lambda", "s3"] {
            let host = format!("host: \"{}\"", text(service));
            assert!(shown.contains(&host), "{region}: {shown}");
        }
    }
}
