//! All parties in one process, talking over loopback.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::args::Args;
use crate::http::Http;

/// A running world.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) van: SocketAddr,
    pub(crate) pos: SocketAddr,
    pub(crate) host: SocketAddr,
    pub(crate) office: Http,
    pub(crate) office_address: SocketAddr,
    pub(crate) malls: Http,
    pub(crate) malls_address: SocketAddr,
    pub(crate) admin: Http,
    pub(crate) admin_address: SocketAddr,
    pub(crate) data: PathBuf,
    issuer: issuer_sim::Running,
    outer: CancellationToken,
    inner: CancellationToken,
    tasks: TaskTracker,
    _temporary: Option<tempfile::TempDir>,
}

/// How long the sandbox's issuer may take to answer: short, for the script waits for its end.
const ISSUER_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the parties may take to find each other.
const READY_TIMEOUT: Duration = Duration::from_secs(20);

impl World {
    pub(crate) async fn start(
        args: &Args,
        metrics: telemetry::PrometheusHandle,
    ) -> anyhow::Result<Self> {
        take_and_free(args)?;
        let temporary = match args.data {
            Some(_) => None,
            None => Some(tempfile::tempdir().context("making a temporary folder")?),
        };
        let data = match (&args.data, &temporary) {
            (Some(data), _) => data.clone(),
            (None, Some(folder)) => folder.path().to_owned(),
            (None, None) => bail!("no data folder"),
        };
        // The switch and the VAN drain towards an issuer that is still there.
        let (outer, inner) = (CancellationToken::new(), CancellationToken::new());
        let render: Arc<dyn Fn() -> String + Send + Sync> = Arc::new(move || metrics.render());
        let issuer = issuer(args, &data, &render, inner.clone()).await?;
        let tasks = TaskTracker::new();
        let switch = switch::Switch::bind(&switch_config(args, issuer.host, &data)?).await?;
        let listeners = switch.addresses().listeners.clone();
        let listener = |name: &str| {
            listeners
                .get(name)
                .copied()
                .with_context(|| format!("the switch has no {name} link"))
        };
        let (van, pos) = (listener("van")?, listener("pos")?);
        let admin = switch.addresses().admin;
        tasks.spawn(switch.run(Arc::clone(&render), outer.clone()));
        let config = van_sim::config::Config {
            listen: args.malls,
            switch: van.to_string(),
            ..van_sim::config::Config::default()
        };
        let malls = van_sim::Van::bind(config).await?;
        let malls_address = malls.address();
        tasks.spawn(malls.run(render, outer.clone()));
        tasks.close();
        let world = Self {
            van,
            pos,
            host: issuer.host,
            office: Http::new(issuer.office),
            office_address: issuer.office,
            malls: Http::new(malls_address),
            malls_address,
            admin: Http::new(admin),
            admin_address: admin,
            data,
            issuer,
            outer,
            inner,
            tasks,
            _temporary: temporary,
        };
        world.until_ready().await?;
        Ok(world)
    }

    /// Stops the outer parties first, so that what is in flight can be answered.
    pub(crate) async fn stop(self) {
        self.outer.cancel();
        self.tasks.wait().await;
        self.inner.cancel();
        self.issuer.finished().await;
    }

    async fn until_ready(&self) -> anyhow::Result<()> {
        let ready = async {
            loop {
                let switch = self.admin.get("/readyz").await?.0 == 200;
                let van = self.malls.get_json("/healthz").await?;
                if switch && van.get("link").is_some_and(|link| link == "up") {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(READY_TIMEOUT, ready)
            .await
            .context("the parties do not connect")?
    }
}

/// Takes every port once, so that a taken one is named with this program's own flag.
fn take_and_free(args: &Args) -> anyhow::Result<()> {
    for (address, what, flag) in args.ports() {
        TcpListener::bind(address).with_context(|| {
            format!("cannot listen on {address} ({what}); choose another with {flag} HOST:PORT")
        })?;
    }
    Ok(())
}

async fn issuer(
    args: &Args,
    data: &Path,
    render: &Arc<dyn Fn() -> String + Send + Sync>,
    shutdown: CancellationToken,
) -> anyhow::Result<issuer_sim::Running> {
    std::fs::create_dir_all(data).with_context(|| format!("making {}", data.display()))?;
    let key_file = data.join("issuer.key");
    if !key_file.exists() {
        issuer_sim::generate_key_file(&key_file)?;
    }
    let mut config = issuer_sim::Config {
        data: data.join("issuer"),
        key_file,
        sandbox: true,
        ..Default::default()
    };
    config.host.listen = args.issuer;
    config.office.listen = args.office;
    let services = issuer_sim::Services {
        metrics_page: Some(Arc::clone(render)),
    };
    Ok(issuer_sim::start(config, services, shutdown).await?)
}

fn switch_config(args: &Args, host: SocketAddr, data: &Path) -> anyhow::Result<switch::Config> {
    let key_file = data.join("switch.key");
    if !key_file.exists() {
        switch::generate_key_file(&key_file)?;
    }
    let mut config = switch::Config {
        admin: args.admin.to_string(),
        journal: Some(switch::config::JournalConfig {
            folder: data.join("switch"),
            key_file,
            ..Default::default()
        }),
        ..Default::default()
    };
    for (listener, address) in config.listener.iter_mut().zip([args.van, args.pos]) {
        listener.address = address.to_string();
    }
    for issuer in &mut config.issuer {
        issuer.addresses = vec![host.to_string()];
        issuer.link.answer_timeout = ISSUER_TIMEOUT;
        issuer.forward.retry = Duration::from_secs(1);
    }
    Ok(config)
}
