//! A way to an issuer's host that can be cut, to lose one link of several, or be made to lose
//! requests.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Forwards connections to a host.
#[derive(Debug)]
pub struct Proxy {
    /// Where to connect instead.
    pub address: String,
    passage: Arc<Mutex<Passage>>,
    one_of: Arc<AtomicU32>,
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
        let one_of = Arc::new(AtomicU32::new(1));
        let sieve = Arc::clone(&one_of);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(&host));
                let mut passage = shared.lock().unwrap();
                if let (false, Ok(server)) = (passage.cut, server) {
                    sift(&client, &server, Arc::clone(&sieve));
                    forward(&server, &client);
                    passage.streams.extend([client, server]);
                }
            }
        });
        Self {
            address,
            passage,
            one_of,
        }
    }

    /// Ends what goes through, and lets nothing through until it is opened.
    pub fn cut(&self) {
        let mut passage = self.passage.lock().unwrap();
        passage.cut = true;
        for stream in passage.streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// From here on one of so many messages goes through to the host, and network messages do.
    pub fn lets_through_one_of(&self, messages: u32) {
        self.one_of.store(messages, Ordering::Relaxed);
    }

    /// Lets connections through again.
    pub fn open(&self) {
        self.passage.lock().unwrap().cut = false;
    }
}

/// Forwards frames (with a length of two bytes), all network messages and one of so many others.
fn sift(from: &TcpStream, to: &TcpStream, one_of: Arc<AtomicU32>) {
    let [mut from, mut to] = [from, to].map(|stream| stream.try_clone().unwrap());
    thread::spawn(move || {
        let (mut header, mut others) = ([0; 2], 0);
        while from.read_exact(&mut header).is_ok() {
            let mut frame = vec![0; u16::from_be_bytes(header).into()];
            if from.read_exact(&mut frame).is_err() {
                break;
            }
            let goes = frame.starts_with(b"08") || {
                others += 1;
                others % one_of.load(Ordering::Relaxed) == 0
            };
            if goes && to.write_all(&[&header[..], &frame].concat()).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    });
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
