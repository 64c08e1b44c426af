//! Asking the programs' HTTP APIs.

use serde_json::Value;

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into()
}

/// `GET`: status and text; None where nobody answers.
#[must_use]
pub fn get(address: &str, path: &str) -> Option<(u16, String)> {
    let mut response = agent().get(format!("http://{address}{path}")).call().ok()?;
    let status = response.status().as_u16();
    Some((status, response.body_mut().read_to_string().ok()?))
}

/// `GET`: JSON.
#[must_use]
pub fn get_json(address: &str, path: &str) -> Value {
    let (status, body) = get(address, path).unwrap_or_else(|| panic!("{address}{path}: no answer"));
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

/// `POST` of JSON: JSON.
#[must_use]
pub fn post(address: &str, path: &str, body: &Value) -> Value {
    let request = agent().post(format!("http://{address}{path}"));
    let mut response = request
        .send_json(body)
        .unwrap_or_else(|error| panic!("{path}: {error}"));
    response.body_mut().read_json().unwrap()
}

/// `POST` without a body, or `DELETE`: the status.
#[must_use]
pub fn order(method: &str, address: &str, path: &str) -> u16 {
    let url = format!("http://{address}{path}");
    let answer = match method {
        "POST" => agent().post(url).send_empty(),
        "DELETE" => agent().delete(url).call(),
        other => panic!("{other}"),
    };
    answer
        .unwrap_or_else(|error| panic!("{path}: {error}"))
        .status()
        .as_u16()
}
