// SPDX-License-Identifier: MIT

//! peer: the works of the benchmarks, done by the prometheus crate.
//!
//! usage: peer GROUP [MILLISECONDS [WORD]]; BENCH_LIBRARY is what the rows call it.
//!
//! The repetition is always 0. Time is measured as tests/bench/bench.h says: from the
//! start of the threads to the end of the last. The crate has no summaries.

use prometheus::core::Collector;
use prometheus::{
    Counter, CounterVec, Encoder, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter,
    IntCounterVec, Opts, Registry, TextEncoder,
};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

const BATCH: usize = 1024;
const INPUTS: usize = 16384;
const SERIES: usize = 64;

struct Inputs {
    doubles: Vec<f64>,
    choices: Vec<usize>,
}

impl Inputs {
    fn new() -> Self {
        let mut x: u64 = 0x9e3779b97f4a7c15;
        let mut inputs = Inputs { doubles: Vec::new(), choices: Vec::new() };
        for _ in 0..INPUTS {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            inputs.choices.push((x >> 32 & 63) as usize);
            let part = (x >> 11) as f64 / (1u64 << 53) as f64;
            inputs.doubles.push((part * 20000f64.ln()).exp() * 0.001);
        }
        inputs
    }
}

/// What a thread brings along: its number, and where it is in the inputs.
struct Worker {
    number: usize,
    at: usize,
}

impl Worker {
    fn next(&mut self) -> usize {
        self.at += 1;
        self.at % INPUTS
    }
}

/// Does some work and returns how many operations that was.
type Batch = Arc<dyn Fn(&mut Worker) -> usize + Send + Sync>;

struct Work {
    what: &'static str,
    threads: usize,
    batch: Batch,
}

struct Bench {
    library: String,
    duration: Duration,
    word: String,
}

impl Bench {
    fn row(&self, group: &str, what: &str, threads: usize, value: f64, unit: &str) {
        println!("{group}\t{what}\t{}\t{threads}\t0\t{value:.2}\t{unit}", self.library);
    }

    fn run(&self, group: &str, works: Vec<Work>) {
        for work in works.iter().filter(|w| w.what.contains(&self.word)) {
            self.row(group, work.what, work.threads, measure(work, self.duration), "ns");
        }
    }
}

/// Nanoseconds per operation.
fn measure(work: &Work, duration: Duration) -> f64 {
    let stop = Arc::new(AtomicBool::new(false));
    let begin = Arc::new(Barrier::new(work.threads + 1));
    let threads: Vec<_> = (0..work.threads)
        .map(|number| {
            let (batch, stop, begin) = (work.batch.clone(), stop.clone(), begin.clone());
            thread::spawn(move || {
                let mut worker = Worker { number, at: number * 977 };
                let mut operations = 0;
                batch(&mut worker);
                begin.wait(); // until all are ready
                begin.wait(); // until the clock has been read
                while !stop.load(Ordering::Relaxed) {
                    operations += batch(&mut worker);
                }
                operations
            })
        })
        .collect();
    begin.wait();
    let start = Instant::now();
    begin.wait();
    thread::sleep(duration);
    stop.store(true, Ordering::Relaxed);
    let operations: usize = threads.into_iter().map(|t| t.join().unwrap()).sum();
    start.elapsed().as_nanos() as f64 / operations as f64
}

fn times(what: &'static str, threads: &[usize], batch: Batch) -> Vec<Work> {
    threads.iter().map(|&threads| Work { what, threads, batch: batch.clone() }).collect()
}

/// A batch of one call again and again.
fn again<F: Fn(&mut Worker) + Send + Sync + 'static>(call: F) -> Batch {
    Arc::new(move |w| {
        for _ in 0..BATCH {
            call(w);
        }
        BATCH
    })
}

fn update(inputs: &Arc<Inputs>) -> Vec<Work> {
    let inc = IntCounter::new("counter_total", "Counts.").unwrap();
    let add = Counter::new("fraction_total", "Counts.").unwrap();
    let gauge = Gauge::new("level", "Level.").unwrap();
    let histogram = Histogram::with_opts(HistogramOpts::new("seconds", "Times.")).unwrap();
    let (set, gauge_inc) = (gauge.clone(), gauge);
    let (observe, timed, inputs) = (histogram.clone(), histogram, inputs.clone());
    [
        times("counter inc", &[1, 2, 8], again(move |_| inc.inc())),
        times("counter add(1.5)", &[1, 2], again(move |_| add.inc_by(1.5))),
        times(
            "histogram observe, 11 buckets",
            &[1, 2],
            again(move |w| observe.observe(inputs.doubles[w.next()])),
        ),
        times("gauge set", &[1, 2], again(move |w| set.set(black_box(w.number as f64)))),
        times("gauge inc", &[1, 2], again(move |_| gauge_inc.inc())),
        times("timed block", &[1, 2], again(move |_| timed.start_timer().observe_duration())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn look_up(inputs: &Arc<Inputs>) -> Vec<Work> {
    const VERBS: [&str; 8] =
        ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND", "HEAD", "PATCH"];
    let family =
        IntCounterVec::new(Opts::new("requests_total", "Requests."), &["method", "code"]).unwrap();
    let keys: Vec<(String, String)> =
        (0..SERIES).map(|i| (VERBS[i % 8].into(), (200 + i / 8 * 100).to_string())).collect();
    for (method, code) in &keys {
        family.with_label_values(&[method, code]).inc();
    }
    let inputs = inputs.clone();
    times(
        "look-up of 2 labels in 64 series, inc",
        &[1, 2],
        again(move |w| {
            let (method, code) = &keys[inputs.choices[w.next()]];
            family.with_label_values(&[method, code]).inc();
        }),
    )
}

fn method(i: usize) -> &'static str {
    if i % 2 == 1 { "GET" } else { "POST" }
}

fn code(i: usize) -> &'static str {
    if i % 3 != 0 { "200" } else { "404" }
}

fn registry_of<C: Collector + 'static>(family: C) -> Registry {
    let registry = Registry::new();
    registry.register(Box::new(family)).unwrap();
    registry
}

fn counters<F: Fn(usize) -> f64>(n: usize, value: F) -> Registry {
    let options = Opts::new("http_requests_seconds_total", "Requests.");
    let family = CounterVec::new(options, &["method", "code", "instance"]).unwrap();
    for i in 0..n {
        family.with_label_values(&[method(i), code(i), &format!("{i:06}")]).inc_by(value(i));
    }
    registry_of(family)
}

fn histograms(n: usize) -> Registry {
    let options = HistogramOpts::new("http_request_seconds", "Requests.");
    let family = HistogramVec::new(options, &["method", "instance"]).unwrap();
    for i in 0..n {
        let h = family.with_label_values(&[method(i), &format!("{i:06}")]);
        for k in 0..20 {
            h.observe(((i + k) % 12) as f64);
        }
    }
    registry_of(family)
}

fn page_of(registry: &Registry) -> Vec<u8> {
    let mut page = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut page).unwrap();
    page
}

fn rendering(registry: Registry) -> Batch {
    let page = String::from_utf8(page_of(&registry)).unwrap();
    let lines = page.lines().filter(|line| !line.starts_with('#')).count();
    Arc::new(move |_| if page_of(&registry).is_empty() { 1 } else { lines })
}

fn render(inputs: &Inputs) -> Vec<Work> {
    let digits = |i: usize| inputs.doubles[i % INPUTS] * (i + 1) as f64;
    [
        ("line of 1k counters, 17 digits", counters(1000, digits)),
        ("line of 1k counters, whole numbers", counters(1000, |i| i as f64 * 37.0)),
        ("line of 1k histograms, whole numbers", histograms(1000)),
        ("line of 100k counters, 17 digits", counters(100_000, digits)),
    ]
    .into_iter()
    .flat_map(|(what, registry)| times(what, &[1], rendering(registry)))
    .collect()
}

/// Bytes that are in RAM, on pages of 4 KiB.
fn resident() -> f64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4096.0
}

fn create(bench: &Bench) {
    const N: usize = 100_000;
    let names: Vec<String> = (0..N).map(|i| format!("{i:07}")).collect();
    let options = Opts::new("http_requests_total", "Requests.");
    let family = IntCounterVec::new(options, &["method", "code", "instance"]).unwrap();
    let before = resident();
    let start = Instant::now();
    for (i, name) in names.iter().enumerate() {
        family.with_label_values(&[method(i), code(i), name]).inc();
    }
    let ns = start.elapsed().as_nanos() as f64 / N as f64;
    bench.row("create", "new series, the first 100k of a family", 1, ns, "ns");
    let bytes = (resident() - before) / N as f64;
    bench.row("create", "resident, counter of 3 labels, at 100k", 1, bytes, "B");
}

fn main() {
    let argument = |n: usize| env::args().nth(n).unwrap_or_default();
    let bench = Bench {
        library: env::var("BENCH_LIBRARY").unwrap_or_else(|_| "rust-prometheus".into()),
        duration: Duration::from_millis(argument(2).parse().unwrap_or(200)),
        word: argument(3),
    };
    let inputs = Arc::new(Inputs::new());
    thread::spawn(thread::park);
    match argument(1).as_str() {
        "update" => bench.run("update", update(&inputs)),
        "look_up" => bench.run("look_up", look_up(&inputs)),
        "render" => bench.run("render", render(&inputs)),
        "create" => create(&bench),
        _ => (),
    }
}
