// SPDX-License-Identifier: MIT
// The workloads of bench/run on Go's net/http, as its users write it.
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"path/filepath"
)

const json = `{"message":"Hello, World!","id":12345,"ok":true}`

func answer(kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		io.WriteString(w, body)
	}
}

// The whole body in memory, and how long it was.
func upload(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	tell(w, int64(len(body)), err)
}

// The same of a body that is kept nowhere.
func stream(w http.ResponseWriter, r *http.Request) {
	length, err := io.Copy(io.Discard, r.Body)
	tell(w, length, err)
}

func tell(w http.ResponseWriter, length int64, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "%d\n", length)
}

func file(folder string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeFile(w, r, filepath.Join(folder, filepath.Base(r.URL.Path)))
	}
}

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address and port")
	files := flag.String("files", ".", "folder of what is below /files/")
	cert := flag.String("cert", "", "PEM file; with -key: HTTPS, without HTTP/2")
	key := flag.String("key", "", "PEM file")
	flag.Parse()

	hello := answer("text/plain; charset=utf-8", "hello\n")
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		hello(w, r)
	})
	http.HandleFunc("/json", answer("application/json", json))
	http.HandleFunc("/upload", upload)
	http.HandleFunc("/stream", stream)
	http.HandleFunc("/files/", file(*files))
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	if *cert == "" {
		log.Fatal(http.Serve(listener, nil))
	}
	server := &http.Server{
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	log.Fatal(server.ServeTLS(listener, *cert, *key))
}
