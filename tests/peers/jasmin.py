"""Jasmin in one process as the carrier of Loa's tests: its SMPP server in front, a connector to a carrier behind.

    tests/peers/jasmin.py CONFIG READY CARRIER-PORT

Its own launcher holds a lock in /tmp, which keeps a second one from starting, and is configured by hand. READY is a file that is
made once the carrier behind is bound. Redis and RabbitMQ may still be starting: they are waited for.
"""

import pickle
import signal
import socket
import sys
import time
from configparser import ConfigParser

# This file has the package's name: its folder must not be looked into.
sys.path.pop(0)

from twisted.internet import defer, reactor, task, tcp

from jasmin.bin.jasmind import JasminDaemon, Options
from jasmin.protocols.smpp.configs import SMPPClientConfig
from jasmin.routing.jasminApi import Group, MtMessagingCredential, SmppClientConnector, User
from jasmin.routing.Routes import DefaultRoute

config, ready, carrier_port = sys.argv[1:]

# The client of its queue writes a message in three pieces and takes one message at a time: by Nagle's algorithm each waits several
# times for the other side's delayed acknowledgement, 40 ms, and Jasmin passes on six messages a second.
connected = tcp.Connection.__init__


def connect_without_delay(connection, skt, *others, **named):
    if skt.family in (socket.AF_INET, socket.AF_INET6):
        skt.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected(connection, skt, *others, **named)


tcp.Connection.__init__ = connect_without_delay

# Messages a second that a user may submit; without a number: all there is room for.
USERS = {"loa": None, "slow": 30}


@defer.inlineCallbacks
def configure(daemon):
    router, connectors = daemon.components["router-pb-factory"], daemon.components["smppcm-pb-factory"]
    office = Group("office")
    router.perspective_group_add(pickle.dumps(office))
    for name, throughput in USERS.items():
        credential = MtMessagingCredential()
        credential.setQuota("smpps_throughput", throughput)
        router.perspective_user_add(pickle.dumps(User(name, office, name, "secret", credential)))
    router.perspective_mtroute_add(pickle.dumps(DefaultRoute(SmppClientConnector("carrier"), 0.0)), 0)
    carrier = SMPPClientConfig(
        id="carrier", host="127.0.0.1", port=int(carrier_port), username="jasmin", password="secret",
        bindOperation="transceiver", submit_sm_throughput=0, reconnectOnConnectionFailureDelay=1,
        reconnectOnConnectionLossDelay=1, log_file="carrier.log",
    )
    while not (yield connectors.perspective_connector_add(pickle.dumps(carrier))):
        yield task.deferLater(reactor, 0.1, lambda: None)
    yield connectors.perspective_connector_start("carrier")
    while connectors.perspective_session_state("carrier") != "BOUND_TRX":
        yield task.deferLater(reactor, 0.1, lambda: None)
    open(ready, "w").close()


@defer.inlineCallbacks
def start(daemon):
    try:
        yield daemon.start()
        yield configure(daemon)
    except Exception as error:
        print("not started:", repr(error), flush=True)
        reactor.stop()


def wait_for(port):
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"nothing listens on port {port}")


settings = ConfigParser()
settings.read(config)
wait_for(settings.getint("redis-client", "port"))
wait_for(settings.getint("amqp-broker", "port"))
options = Options()
options.parseOptions(
    ["--config", config, "--enable-dlr-thrower", "--enable-dlr-lookup", "--disable-jcli", "--disable-http-api"]
)
daemon = JasminDaemon(options)
for name in (signal.SIGINT, signal.SIGTERM):
    signal.signal(name, daemon.sighandler_stop)
reactor.callWhenRunning(start, daemon)
reactor.run()
