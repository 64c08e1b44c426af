//! Asking the parties' HTTP APIs.

use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

/// An HTTP client with a base address.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    agent: ureq::Agent,
    base: String,
}

impl Http {
    pub(crate) fn new(address: std::net::SocketAddr) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(40)))
            .build();
        Self {
            agent: config.into(),
            base: format!("http://{address}"),
        }
    }

    /// `GET`: status and body.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<(u16, String)> {
        let (agent, url) = (self.agent.clone(), format!("{}{path}", self.base));
        let asked = url.clone();
        tokio::task::spawn_blocking(move || {
            let mut response = agent.get(&url).call()?;
            let status = response.status().as_u16();
            anyhow::Ok((status, response.body_mut().read_to_string()?))
        })
        .await?
        .with_context(|| format!("GET {asked}"))
    }

    /// `GET`: JSON.
    pub(crate) async fn get_json(&self, path: &str) -> anyhow::Result<Value> {
        let (_, body) = self.get(path).await?;
        serde_json::from_str(&body).with_context(|| format!("GET {path}: {body}"))
    }

    /// `POST` of JSON: JSON. `key` is the `Idempotency-Key`.
    pub(crate) async fn post(&self, path: &str, key: &str, body: Value) -> anyhow::Result<Value> {
        let (agent, url) = (self.agent.clone(), format!("{}{path}", self.base));
        let (asked, key) = (url.clone(), key.to_owned());
        tokio::task::spawn_blocking(move || {
            let request = agent.post(&url).header("Idempotency-Key", &key);
            let mut response = request.send_json(&body)?;
            anyhow::Ok(response.body_mut().read_json::<Value>()?)
        })
        .await?
        .with_context(|| format!("POST {asked}"))
    }
}
