import socket

import pytest

from mecum.app.listen import listening
from mecum.errors import AddressInUse, SettingsError


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


def connects(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as client:
        client.settimeout(2)
        return client.connect_ex((address, port)) == 0


def test_localhost_is_both_loopback_addresses_with_one_port():
    with listening("localhost", 0) as open_:
        port = open_.sockets[0].getsockname()[1]
        assert open_.url == f"http://localhost:{port}"
        assert open_.local == f"http://127.0.0.1:{port}"
        assert connects("127.0.0.1", port)
        assert connects("::1", port) == has_ipv6()
    assert not connects("127.0.0.1", port)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]"])
def test_one_address_is_that_address(host):
    if ":" in host and not has_ipv6():
        pytest.skip("no IPv6 on this machine")
    with listening(host, 0) as open_:
        assert len(open_.sockets) == 1
        assert open_.sockets[0].getsockname()[0] == host.strip("[]")
        assert open_.url == open_.local


@pytest.mark.parametrize(("host", "used"), [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("127.0.0.2", "127.0.0.2")])
def test_every_address_or_another_one(host, used):
    if ":" in host and not has_ipv6():
        pytest.skip("no IPv6 on this machine")
    with listening(host, 0) as open_:
        port = open_.sockets[0].getsockname()[1]
        assert open_.sockets[0].getsockname()[0] == host
        assert open_.local == f"http://{f'[{used}]' if ':' in used else used}:{port}"
        assert connects(used, port)


@pytest.mark.parametrize("host", ["example.org", "", "localhost.evil.example", "0", "127.1", "fe80::1%lo", "192.168.1.5/24"])
def test_no_name_is_looked_up(host):
    with pytest.raises(SettingsError, match="localhost or an address of this machine") as caught, listening(host, 0):
        pass
    assert repr(host) in caught.value.message


def test_an_address_of_another_machine():
    with pytest.raises(SettingsError, match="this machine has no such address"), listening("192.0.2.1", 0):
        pass


@pytest.mark.parametrize("taken", ["127.0.0.1", "::1"])
def test_a_port_in_use_is_named_with_the_way_out(taken):
    if ":" in taken and not has_ipv6():
        pytest.skip("no IPv6 on this machine")
    with listening(taken, 0) as other:
        port = other.sockets[0].getsockname()[1]
        with pytest.raises(AddressInUse) as caught, listening("localhost", port):
            pass
        assert caught.value.exit_code == 4
        assert f"Port {port} on localhost is in use" in caught.value.message
        assert f"--port {port + 1}" in caught.value.message
        assert connects(taken, port)
        assert not connects("127.0.0.1" if ":" in taken else "::1", port)


def test_a_port_just_given_up_can_be_taken_again():
    with listening("127.0.0.1", 0) as first:
        port = first.sockets[0].getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            first.sockets[0].settimeout(2)
            first.sockets[0].accept()[0].close()  # the side that closes first keeps the port in TIME_WAIT
    with listening("127.0.0.1", port) as second:
        assert second.sockets[0].getsockname()[1] == port
