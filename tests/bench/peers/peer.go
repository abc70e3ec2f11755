// SPDX-License-Identifier: MIT

// peer: the works of the benchmarks, done by Go's client_golang.
//
// usage: peer GROUP [MILLISECONDS [WORD]]; BENCH_LIBRARY is what the rows call it.
//
// The repetition is always 0. Time is measured as tests/bench/bench.h says: from the
// start of the goroutines to the end of the last.
package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

const (
	batch  = 1024
	inputs = 16384
	series = 64
)

var (
	library = "client_golang"
	doubles [inputs]float64
	choices [inputs]uint8
)

// worker is what a goroutine brings along.
type worker struct {
	number int
	at     uint64
	_      [112]byte // no two in a cache line
}

func (w *worker) double() float64 {
	w.at++
	return doubles[w.at%inputs]
}

func (w *worker) choice() uint8 {
	w.at++
	return choices[w.at%inputs]
}

// work is a case: batch does some of it and returns how many operations that was.
type work struct {
	what    string
	threads int
	batch   func(w *worker) int
}

func makeInputs() {
	x := uint64(0x9e3779b97f4a7c15)
	for i := range doubles {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		choices[i] = uint8(x >> 32 & 63)
		doubles[i] = math.Exp(float64(x>>11)/(1<<53)*math.Log(20000)) * 0.001
	}
}

func row(group, what string, threads int, value float64, unit string) {
	fmt.Printf("%s\t%s\t%s\t%d\t0\t%.4g\t%s\n", group, what, library, threads, value, unit)
}

// measure gives nanoseconds per operation.
func (c *work) measure(d time.Duration) float64 {
	var (
		stop         atomic.Bool
		ready, ended sync.WaitGroup
		operations   atomic.Int64
		begin        = make(chan struct{})
	)
	ready.Add(c.threads)
	ended.Add(c.threads)
	for i := 0; i < c.threads; i++ {
		go func(w *worker) {
			defer ended.Done()
			c.batch(w)
			ready.Done()
			<-begin
			n := 0
			for !stop.Load() {
				n += c.batch(w)
			}
			operations.Add(int64(n))
		}(&worker{number: i, at: uint64(i) * 977})
	}
	ready.Wait()
	runtime.GC()
	start := time.Now()
	close(begin)
	time.Sleep(d)
	stop.Store(true)
	ended.Wait()
	return float64(time.Since(start).Nanoseconds()) / float64(operations.Load())
}

func run(group string, d time.Duration, word string, works []work) {
	for _, c := range works {
		if strings.Contains(c.what, word) {
			row(group, c.what, c.threads, c.measure(d), "ns")
		}
	}
}

func update() []work {
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "counter_total"})
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "level"})
	histogram := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "seconds"}) // 11 buckets
	summary := prometheus.NewSummary(prometheus.SummaryOpts{
		Name:       "quantiles",
		Objectives: map[float64]float64{0.5: 0.05, 0.99: 0.001},
	})
	plain := prometheus.NewSummary(prometheus.SummaryOpts{Name: "size"})
	repeat := func(f func()) func(*worker) int {
		return func(*worker) int {
			f()
			return batch
		}
	}
	inc := repeat(func() {
		for i := 0; i < batch; i++ {
			counter.Inc()
		}
	})
	add := repeat(func() {
		for i := 0; i < batch; i++ {
			counter.Add(1.5)
		}
	})
	gaugeInc := repeat(func() {
		for i := 0; i < batch; i++ {
			gauge.Inc()
		}
	})
	set := func(w *worker) int {
		for i := 0; i < batch; i++ {
			gauge.Set(float64(w.number))
		}
		return batch
	}
	observe := func(w *worker) int {
		for i := 0; i < batch; i++ {
			histogram.Observe(w.double())
		}
		return batch
	}
	summarise := func(s prometheus.Summary) func(*worker) int {
		return func(w *worker) int {
			for i := 0; i < batch; i++ {
				s.Observe(w.double())
			}
			return batch
		}
	}
	timed := repeat(func() {
		for i := 0; i < batch; i++ {
			prometheus.NewTimer(histogram).ObserveDuration()
		}
	})
	return []work{
		{"counter inc", 1, inc},
		{"counter inc", 2, inc},
		{"counter inc", 8, inc},
		{"counter add(1.5)", 1, add},
		{"counter add(1.5)", 2, add},
		{"histogram observe, 11 buckets", 1, observe},
		{"histogram observe, 11 buckets", 2, observe},
		{"summary observe", 1, summarise(plain)},
		{"summary observe", 2, summarise(plain)},
		{"summary observe, quantiles", 1, summarise(summary)},
		{"summary observe, quantiles", 2, summarise(summary)},
		{"gauge set", 1, set},
		{"gauge set", 2, set},
		{"gauge inc", 1, gaugeInc},
		{"gauge inc", 2, gaugeInc},
		{"timed block", 1, timed},
		{"timed block", 2, timed},
	}
}

func lookUp() []work {
	verbs := []string{"GET", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND", "HEAD", "PATCH"}
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "requests_total"},
		[]string{"method", "code"})
	var methods, codes [series]string
	for i := range methods {
		methods[i] = verbs[i%8]
		codes[i] = strconv.Itoa(200 + i/8*100)
		requests.WithLabelValues(methods[i], codes[i]).Inc()
	}
	batch := func(w *worker) int {
		for i := 0; i < batch; i++ {
			k := w.choice()
			requests.WithLabelValues(methods[k], codes[k]).Inc()
		}
		return batch
	}
	return []work{
		{"look-up of 2 labels in 64 series, inc", 1, batch},
		{"look-up of 2 labels in 64 series, inc", 2, batch},
	}
}

func pick(i int, odd, even string) string {
	if i%2 == 1 {
		return odd
	}
	return even
}

func code(i int) string {
	if i%3 != 0 {
		return "200"
	}
	return "404"
}

func counters(n int, value func(i int) float64) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	family := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "http_requests_seconds_total", Help: "Requests.",
	}, []string{"method", "code", "instance"})
	registry.MustRegister(family)
	for i := 0; i < n; i++ {
		family.WithLabelValues(pick(i, "GET", "POST"), code(i), fmt.Sprintf("%06d", i)).Add(value(i))
	}
	return registry
}

func histograms(n int) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	family := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "http_request_seconds", Help: "Requests.",
	}, []string{"method", "instance"})
	registry.MustRegister(family)
	for i := 0; i < n; i++ {
		h := family.WithLabelValues(pick(i, "GET", "POST"), fmt.Sprintf("%06d", i))
		for k := 0; k < 20; k++ {
			h.Observe(float64((i + k) % 12))
		}
	}
	return registry
}

// render makes a page as promhttp does.
func render(registry *prometheus.Registry, page *bytes.Buffer) {
	page.Reset()
	families, err := registry.Gather()
	if err != nil {
		panic(err)
	}
	encoder := expfmt.NewEncoder(page, expfmt.FmtText)
	for _, f := range families {
		if err := encoder.Encode(f); err != nil {
			panic(err)
		}
	}
}

func pageOf(registry *prometheus.Registry) func(*worker) int {
	var page bytes.Buffer
	render(registry, &page)
	lines := 0
	for _, line := range strings.Split(strings.TrimSpace(page.String()), "\n") {
		if line[0] != '#' {
			lines++
		}
	}
	return func(*worker) int {
		render(registry, &page)
		return lines
	}
}

func renderAll() []work {
	digits := func(i int) float64 { return doubles[i%inputs] * float64(i+1) }
	whole := func(i int) float64 { return float64(i) * 37 }
	return []work{
		{"line of 1k counters, 17 digits", 1, pageOf(counters(1000, digits))},
		{"line of 1k counters, whole numbers", 1, pageOf(counters(1000, whole))},
		{"line of 1k histograms, whole numbers", 1, pageOf(histograms(1000))},
		{"line of 100k counters, 17 digits", 1, pageOf(counters(100000, digits))},
	}
}

// resident gives the bytes that are in RAM, after the garbage has gone.
func resident() float64 {
	debug.FreeOSMemory()
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	pages, _ := strconv.Atoi(strings.Fields(string(statm))[1])
	return float64(pages * os.Getpagesize())
}

func create() {
	const n = 100000
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%07d", i)
	}
	family := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "http_requests_total"},
		[]string{"method", "code", "instance"})
	before := resident()
	start := time.Now()
	for i, name := range names {
		family.WithLabelValues(pick(i, "GET", "POST"), code(i), name).Inc()
	}
	ns := float64(time.Since(start).Nanoseconds())
	row("create", "new series, the first 100k of a family", 1, ns/n, "ns")
	row("create", "resident, counter of 3 labels, at 100k", 1, (resident()-before)/n, "B")
	runtime.KeepAlive(family)
	runtime.KeepAlive(names)
}

func main() {
	group, milliseconds, word := "", 200, ""
	if name := os.Getenv("BENCH_LIBRARY"); name != "" {
		library = name
	}
	if len(os.Args) > 1 {
		group = os.Args[1]
	}
	if len(os.Args) > 2 {
		if n, err := strconv.Atoi(os.Args[2]); err == nil {
			milliseconds = n
		}
	}
	if len(os.Args) > 3 {
		word = os.Args[3]
	}
	makeInputs()
	duration := time.Duration(milliseconds) * time.Millisecond
	switch group {
	case "update":
		run(group, duration, word, update())
	case "look_up":
		run(group, duration, word, lookUp())
	case "render":
		run(group, duration, word, renderAll())
	case "create":
		create()
	}
}
