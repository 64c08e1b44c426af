//! The yardstick: a relay that looks at nothing. As HAProxy in TCP mode it has a connection to the
//! responder for each of its own; it reads all that a socket holds and writes that with one call.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};

use crate::socket;

/// Relays every connection it is given.
pub(crate) async fn run(listener: TcpListener, responder: SocketAddr) -> anyhow::Result<()> {
    loop {
        let (client, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        tokio::spawn(relay(client, responder));
    }
}

async fn relay(client: TcpStream, responder: SocketAddr) -> io::Result<()> {
    let responder = TcpStream::connect(responder).await?;
    responder.set_nodelay(true)?;
    // Whichever side ends first ends both.
    tokio::select! {
        ended = pass(&client, &responder) => ended,
        ended = pass(&responder, &client) => ended,
    }
}

/// One direction, until its end.
async fn pass(from: &TcpStream, to: &TcpStream) -> io::Result<()> {
    let forward = |bytes: &[u8]| {
        let written = socket::write_now(to, bytes)?;
        // Mostly nothing, and then nothing is allocated.
        Ok(bytes.get(written..).unwrap_or_default().to_vec())
    };
    while let Some(forwarded) = socket::read(from, forward).await? {
        let rest: io::Result<Vec<u8>> = forwarded;
        socket::write(to, &rest?).await?;
    }
    Ok(())
}
