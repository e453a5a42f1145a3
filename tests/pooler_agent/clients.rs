//! Clients of a service that stand before one or more poolers, and what happens to them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tokio_postgres::{Client, Config, NoTls};

/// What has happened to all of them.
#[derive(Debug, Default)]
pub struct Tally {
    pub transactions: u64,
    /// Connections that could not be made.
    pub refused: Vec<String>,
    /// Transactions that had begun and did not end.
    pub cut: Vec<String>,
    /// Connections that were found closed at the first statement of a transaction, as one of a pool may be at any time.
    pub found_closed: u64,
    /// The longest time from a transaction's first statement to its end.
    pub worst: Duration,
    /// Rows whose commit was answered.
    pub acknowledged: Vec<i64>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.transactions += other.transactions;
        self.refused.extend(other.refused);
        self.cut.extend(other.cut);
        self.found_closed += other.found_closed;
        self.worst = self.worst.max(other.worst);
        self.acknowledged.extend(other.acknowledged);
    }
}

/// Clients that are at work.
pub struct Clients {
    stop: watch::Sender<bool>,
    tasks: JoinSet<Tally>,
}

static NEXT: AtomicI64 = AtomicI64::new(1);

pub async fn connect(port: u16) -> Result<Client, tokio_postgres::Error> {
    let mut config = Config::new();
    config
        .host("127.0.0.1")
        .port(port)
        .user("app")
        .password("app's")
        .dbname("app")
        .connect_timeout(Duration::from_secs(20));
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn said(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| format!("{error:?}"), |server| server.message().to_owned())
}

impl Clients {
    /// So many clients, each with a connection of its own, that write in transactions with this rest between them.
    pub fn start(port: u16, count: usize, rest: Duration) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for _ in 0..count {
            tasks.spawn(work(port, rest, stopped.clone()));
        }
        Self { stop, tasks }
    }

    /// Ends their work, and answers what happened.
    pub async fn stop(mut self) -> Tally {
        self.stop.send_replace(true);
        let mut all = Tally::default();
        while let Some(tally) = self.tasks.join_next().await {
            all.add(tally.unwrap());
        }
        all
    }
}

async fn work(port: u16, rest: Duration, stopped: watch::Receiver<bool>) -> Tally {
    let mut tally = Tally::default();
    while !*stopped.borrow() {
        let client = match connect(port).await {
            Ok(client) => client,
            Err(error) => {
                tally.refused.push(said(&error));
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        while !*stopped.borrow() {
            let begun = Instant::now();
            if client.batch_execute("BEGIN").await.is_err() {
                tally.found_closed += 1;
                break;
            }
            let id = NEXT.fetch_add(1, Ordering::Relaxed);
            let written = async {
                client.batch_execute(&format!("INSERT INTO written VALUES ({id})")).await?;
                tokio::time::sleep(Duration::from_millis(2)).await;
                client.batch_execute("COMMIT").await
            };
            match written.await {
                Ok(()) => {
                    tally.transactions += 1;
                    tally.acknowledged.push(id);
                    tally.worst = tally.worst.max(begun.elapsed());
                }
                Err(error) => {
                    tally.cut.push(said(&error));
                    break;
                }
            }
            tokio::time::sleep(rest).await;
        }
    }
    tally
}

/// What a `Service` is: connections go to those that are ready, as of a moment ago.
pub struct Service {
    pub port: u16,
    tasks: JoinSet<()>,
}

/// How late the endpoints follow.
const LATE: Duration = Duration::from_millis(300);

impl Service {
    /// A service before poolers, by their ports for clients and for probes.
    pub async fn start(poolers: &[(u16, u16)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut tasks = JoinSet::new();
        let ready: Arc<Vec<_>> = Arc::new(poolers.iter().map(|(port, _)| (*port, watch::channel(false).0)).collect());
        for ((_, probe), (_, sender)) in poolers.iter().zip(ready.iter()) {
            let (probe, sender) = (*probe, sender.clone());
            tasks.spawn(async move {
                loop {
                    sender.send_replace(is_ready(probe).await);
                    tokio::time::sleep(LATE).await;
                }
            });
        }
        tasks.spawn(async move {
            let mut turn = 0usize;
            while let Ok((mut client, _)) = listener.accept().await {
                let there: Vec<u16> =
                    ready.iter().filter(|(_, ready)| *ready.borrow()).map(|(port, _)| *port).collect();
                turn += 1;
                let chosen = there.get(turn % there.len().max(1)).copied();
                tokio::spawn(async move {
                    let Some(port) = chosen else { return };
                    if let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await {
                        drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
                    }
                });
            }
        });
        let service = Self { port, tasks };
        tokio::time::sleep(2 * LATE).await;
        service
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.tasks.abort_all();
    }
}

async fn is_ready(port: u16) -> bool {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let ask = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200"))
    };
    ask.await.unwrap_or(false)
}
