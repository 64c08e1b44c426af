//! Sockets read and written in batches: all that one holds, with one system call.

use std::cell::RefCell;
use std::io;

use tokio::net::TcpStream;

/// As much as a link of the switch reads at a time.
const BATCH_BYTES: usize = 64 << 10;

thread_local! {
    /// One a thread: an idle connection then holds no buffer.
    static BATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; BATCH_BYTES]);
}

/// Waits for bytes and gives all that the socket holds to `take`; what `take` says, or None at
/// the end of the stream.
pub(crate) async fn read<T>(
    stream: &TcpStream,
    mut take: impl FnMut(&[u8]) -> T,
) -> io::Result<Option<T>> {
    loop {
        stream.readable().await?;
        let read = BATCH.with_borrow_mut(|batch| {
            let read = stream.try_read(batch)?;
            let bytes = batch.get(..read).filter(|bytes| !bytes.is_empty());
            Ok(bytes.map(&mut take))
        });
        match read {
            Err(error) if is_not_yet(&error) => {}
            read => return read,
        }
    }
}

/// Gives the system what it takes at once: how much.
pub(crate) fn write_now(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match stream.try_write(bytes) {
        Err(error) if is_not_yet(&error) => Ok(0),
        written => written,
    }
}

/// Writes all of it.
pub(crate) async fn write(stream: &TcpStream, bytes: &[u8]) -> io::Result<()> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        let now = write_now(stream, rest)?;
        if now == 0 {
            stream.writable().await?;
        }
        written += now;
    }
    Ok(())
}

fn is_not_yet(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
