// Command centrifuge is the engine of Centrifugo behind the least of a server: whoever connects may subscribe to any channel and publish
// into it, as Centrifugo does where it is told to allow that. All settings are Centrifugo's defaults: JSON, no compression, its
// pings, a broker in memory without history, nothing on disk. `make bench` measures it beside seshd, by "seshd bench --protocol centrifuge".
//
// It is a module of its own, in a directory that the go command passes over, so that seshd's has nothing of it.
package main

import (
	"context"
	"flag"
	"log"
	"net/http"

	"github.com/centrifugal/centrifuge"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8000", "listener for tabs")
	internal := flag.String("internal-addr", "127.0.0.1:8001", "listener for metrics")
	flag.Parse()
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		log.Fatal(err)
	}
	allow(node)
	if err := node.Run(); err != nil {
		log.Fatal(err)
	}
	http.Handle("/metrics", promhttp.Handler())
	go func() { log.Fatal(http.ListenAndServe(*internal, nil)) }()
	public := http.NewServeMux()
	public.Handle("GET /connection/websocket", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}))
	log.Fatal(http.ListenAndServe(*addr, public))
}

// allow lets anybody do what the load generator does.
func allow(node *centrifuge.Node) {
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: new(centrifuge.Credentials)}, nil // of nobody in particular
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, done centrifuge.SubscribeCallback) {
			done(centrifuge.SubscribeReply{}, nil)
		})
		client.OnPublish(func(e centrifuge.PublishEvent, done centrifuge.PublishCallback) {
			result, err := node.Publish(e.Channel, e.Data, centrifuge.WithClientInfo(e.ClientInfo)) // which Centrifugo tells too
			done(centrifuge.PublishReply{Result: &result}, err)
		})
	})
}
