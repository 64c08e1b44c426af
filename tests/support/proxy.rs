//! A way to a host that can be cut, to lose one link of several.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Forwards connections to a host.
#[derive(Debug)]
pub struct Proxy {
    /// Where to connect instead.
    pub address: String,
    passage: Arc<Mutex<Passage>>,
}

#[derive(Debug, Default)]
struct Passage {
    cut: bool,
    streams: Vec<TcpStream>,
}

impl Proxy {
    /// A way to a host, open.
    #[must_use]
    pub fn to(host: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let passage = Arc::new(Mutex::new(Passage::default()));
        let (host, shared) = (host.to_owned(), Arc::clone(&passage));
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(&host));
                let mut passage = shared.lock().unwrap();
                if let (false, Ok(server)) = (passage.cut, server) {
                    forward(&client, &server);
                    forward(&server, &client);
                    passage.streams.extend([client, server]);
                }
            }
        });
        Self { address, passage }
    }

    /// Ends what goes through, and lets nothing through until it is opened.
    pub fn cut(&self) {
        let mut passage = self.passage.lock().unwrap();
        passage.cut = true;
        for stream in passage.streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Lets connections through again.
    pub fn open(&self) {
        self.passage.lock().unwrap().cut = false;
    }
}

fn forward(from: &TcpStream, to: &TcpStream) {
    let [mut from, mut to] = [from, to].map(|stream| stream.try_clone().unwrap());
    thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer)
            && let Some(bytes) = buffer.get(..read)
            && to.write_all(bytes).is_ok()
        {}
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    });
}
