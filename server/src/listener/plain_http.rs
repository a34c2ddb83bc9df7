//! Plain HTTP spoken to a listener that expects TLS: the client is told to use https. There is no request yet: nothing of
//! what it sent is read but its first byte, so nothing is on record and nothing is done.
//! Never in it: TLS.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// The first line is the one that Go servers send: clients know it.
const BODY: &str = "Client sent an HTTP request to an HTTPS server.\nUse https:// in the address.\n";

/// How many bytes of the request are read and thrown away: a connection that is closed before would lose the answer.
const DISCARDED_MAX: usize = 64 * 1024;

/// Whether the client's first byte is the letter of an HTTP method. A TLS handshake begins with 0x16.
pub(super) fn is_plain_http(seen: &[u8]) -> bool {
    seen.first().is_some_and(u8::is_ascii_uppercase)
}

/// Tells the client to use https, and ends the connection.
pub(super) async fn refuse(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
    let length = BODY.len();
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{BODY}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    let mut discarded = 0;
    let mut block = [0; 4096];
    while discarded < DISCARDED_MAX {
        match stream.read(&mut block).await? {
            0 => break,
            count => discarded += count,
        }
    }
    Ok(())
}
