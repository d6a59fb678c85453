//! The port of a Runtime API: it takes connections of its own environment's processes and drops all others.
//!
//! `AWS_LAMBDA_RUNTIME_API` is an authority, so it can't carry a secret, and another user of the machine can find the
//! port. The kernel says in `/proc/net/tcp` which socket is the other end of a connection, and in `/proc/PID/fd` which
//! process has it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::family::Family;

/// The listener of one environment.
pub(crate) struct RuntimeListener {
    inner: TcpListener,
    /// Set once the process is started. It may connect a moment earlier.
    family: watch::Receiver<Option<Family>>,
}

impl RuntimeListener {
    /// Listens on a free loopback port.
    pub(crate) async fn bind(family: watch::Receiver<Option<Family>>) -> io::Result<Self> {
        Ok(Self { inner: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?, family })
    }

    async fn is_own(&mut self, stream: &TcpStream) -> bool {
        let (Ok(peer), Ok(own)) = (stream.peer_addr(), stream.local_addr()) else { return false };
        let Ok(family) = self.family.wait_for(Option::is_some).await.map(|family| family.clone()) else {
            return false;
        };
        let look = move || {
            let inode = find_inode(&fs_err::read_to_string("/proc/net/tcp").ok()?, peer, own)?;
            Some(family?.holds_socket(inode))
        };
        tokio::task::spawn_blocking(look).await.ok().flatten().unwrap_or(false)
    }
}

impl Listener for RuntimeListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.inner.accept().await {
                Ok((stream, peer)) if self.is_own(&stream).await => return (stream, peer),
                Ok((_, peer)) => {
                    tracing::warn!(%peer, "a process of another environment or user called a Runtime API: refused");
                }
                Err(error) => {
                    // For example too many open files: another connection may end meanwhile.
                    tracing::warn!(%error, "a Runtime API could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

/// The inode of the socket at `peer` that is connected to `own`. The format: `man 5 proc_pid_net`.
fn find_inode(table: &str, peer: SocketAddr, own: SocketAddr) -> Option<u64> {
    let (peer, own) = (encode_address(peer)?, encode_address(own)?);
    table.lines().find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (local, remote) = (fields.next()?, fields.next()?);
        let is_found = local == peer && remote == own;
        is_found.then(|| fields.nth(6)?.parse().ok()).flatten()
    })
}

/// The kernel prints an IPv4 address as one number in the machine's byte order.
fn encode_address(address: SocketAddr) -> Option<String> {
    let IpAddr::V4(ip) = address.ip() else { return None };
    Some(format!("{:08X}:{:04X}", u32::from_ne_bytes(ip.octets()), address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn find_inode_takes_the_other_end_of_the_connection() {
        let local = if cfg!(target_endian = "little") { "0100007F" } else { "7F000001" };
        let row = |from: &str, to: &str, inode: u64| {
            format!(
                "   0: {local}:{from} {local}:{to} 01 00000000:00000000 00:00000000 00000000  1000        0 {inode} 1 0\n"
            )
        };
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
        let table =
            [head, &row("1F90", "C350", 11), &row("C350", "1F90", 12), &row("C351", "1F90", 13)].concat();
        let at = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        assert_eq!(find_inode(&table, at(50000), at(8080)), Some(12));
        assert_eq!(find_inode(&table, at(8080), at(50000)), Some(11));
        assert_eq!(find_inode(&table, at(50002), at(8080)), None);
    }
}
