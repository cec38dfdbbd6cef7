// SPDX-License-Identifier: MIT

// What tests/e2e/test_client.py asks of every server, on Go's net/http.
//
//	peer [CERTIFICATE KEY]
package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
)

var connections int64

func onState(_ net.Conn, state http.ConnState) {
	if state == http.StateNew {
		atomic.AddInt64(&connections, 1)
	}
}

func onCount(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintf(w, "%d", atomic.LoadInt64(&connections))
}

func onHello(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	io.WriteString(w, "hello\n")
}

func onZipped(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Content-Encoding", "gzip")
	zip := gzip.NewWriter(w)
	for i := 0; i < 10000; i++ {
		fmt.Fprintf(zip, "line %d\n", i)
	}
	zip.Close()
}

func onPieces(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Trailer", "X-Sum")
	for i := 0; i < 100; i++ {
		fmt.Fprintf(w, "piece %d\n", i)
		w.(http.Flusher).Flush()
	}
	w.Header().Set("X-Sum", "100")
}

func onEcho(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Method", r.Method)
	w.Header().Set("X-Type", r.Header.Get("Content-Type"))
	w.Header().Set("X-Length", strconv.FormatInt(r.ContentLength, 10))
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), 400)
		return
	}
	w.Write(body)
}

func onRedirect(w http.ResponseWriter, r *http.Request) {
	code, _ := strconv.Atoi(r.URL.Query().Get("code"))
	w.Header().Set("Location", r.URL.Query().Get("to"))
	w.WriteHeader(code)
}

// Answers without having read the body.
func onRefuse(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(413)
}

func onEmpty(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(204)
}

func main() {
	http.HandleFunc("/hello", onHello)
	http.HandleFunc("/count", onCount)
	http.HandleFunc("/zipped", onZipped)
	http.HandleFunc("/pieces", onPieces)
	http.HandleFunc("/echo", onEcho)
	http.HandleFunc("/redirect", onRedirect)
	http.HandleFunc("/refuse", onRefuse)
	http.HandleFunc("/empty", onEmpty)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	server := &http.Server{ConnState: onState}
	if len(os.Args) > 2 {
		log.Fatal(server.ServeTLS(listener, os.Args[1], os.Args[2]))
	}
	log.Fatal(server.Serve(listener))
}
