#!/usr/bin/python3
"""Starts the image of each process as the manifests of Kubernetes say.

  images_test.py TAG

The images are caravan/<process>:TAG, in podman's store. Each container is what a node
would make of its pod in the overlay single-node: arguments, environment, settings, mounts,
user, capabilities and a root that cannot be written, in a network of its own, where the
others are known by the names of their services. Certificates are made from the manifests
as cert-manager would. Then all are ready, a call to each service gets through the
gateway, and all end in time and well. Needs root.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import grpc
import yaml

TAG = sys.argv[1] if len(sys.argv) > 1 else ""
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NETWORK = "10.213.7"  # its first three bytes; nothing leaves this machine by it
BRIDGE = "caravan-images"

# Run in the network of a container, where its ports are.
HEALTH = """
import grpc
with grpc.insecure_channel("127.0.0.1:%d") as channel:
    print(channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=2).hex())
"""
SERVING = "0801"


def run(*command, **options):
    result = subprocess.run([str(part) for part in command], check=False, capture_output=True,
                            text=True, **options)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: {result.stdout}{result.stderr}")
    return result.stdout


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


def token_key(folder):
    """The public half of an identity provider's key, as RFC 7517 writes it."""
    path = os.path.join(folder, "provider")
    run("openssl", "genpkey", "-algorithm", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
        "-out", path + ".key")
    run("openssl", "pkey", "-in", path + ".key", "-pubout", "-outform", "der", "-out",
        path + ".der")
    with open(path + ".der", "rb") as file:
        point = file.read()[-64:]
    x, y = (base64.urlsafe_b64encode(half).rstrip(b"=").decode()
            for half in (point[:32], point[32:]))
    return {"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "1", "x": x, "y": y}


class Authority:
    """What cert-manager is in a cluster: makes secrets of Certificates."""

    def __init__(self, folder):
        self.key, self.certificate = os.path.join(folder, "ca.key"), os.path.join(folder, "ca.crt")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", 1, "-subj", "/CN=Caravan", "-keyout", self.key,
            "-out", self.certificate)

    def issue(self, folder, algorithm, common_name, dns_names=(), uris=(), usages=()):
        os.makedirs(folder)
        request, names = os.path.join(folder, "request"), os.path.join(folder, "names")
        key, certificate = os.path.join(folder, "tls.key"), os.path.join(folder, "tls.crt")
        kind = {"ECDSA": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "Ed25519": ["ed25519"]}
        run("openssl", "req", "-new", "-newkey", *kind[algorithm], "-nodes",
            "-subj", f"/CN={common_name}", "-keyout", key, "-out", request)
        alternatives = [f"DNS:{name}" for name in dns_names] + [f"URI:{uri}" for uri in uris]
        extended = [value for usage, value in (("server auth", "serverAuth"),
                                               ("client auth", "clientAuth")) if usage in usages]
        text = "keyUsage = critical, digitalSignature\n"
        if extended:
            text += f"extendedKeyUsage = {', '.join(extended)}\n"
        if alternatives:
            text += f"subjectAltName = {', '.join(alternatives)}\n"
        write(names, text)
        run("openssl", "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
            "-CAcreateserial", "-days", 1, "-extfile", names, "-out", certificate)
        os.remove(request)
        os.remove(names)
        shutil.copy(self.certificate, os.path.join(folder, "ca.crt"))


class Cluster:
    """The pods of the overlay, each a container in a network namespace."""

    def __init__(self, work):
        self.work = work
        self.namespaces = []
        self.containers = {}
        rendered = run("kubectl", "kustomize",
                       os.path.join(ROOT, "deploy", "kubernetes", "overlays", "single-node"))
        objects = [each for each in yaml.safe_load_all(rendered) if each]
        self.deployments = {each["metadata"]["name"]: each for each in objects
                            if each["kind"] == "Deployment"}
        self.services = {each["metadata"]["name"]: each for each in objects
                         if each["kind"] == "Service"}
        for each in objects:
            if each["kind"] == "ConfigMap":
                for name, text in each["data"].items():
                    write(self.config(each["metadata"]["name"], name), text)
        # What the installer makes of the identity provider's keys.
        write(self.config("token-keys", "jwks.json"), json.dumps({"keys": [token_key(work)]}))

        self.authority = Authority(work)
        for each in objects:
            if each["kind"] != "Certificate" or each["spec"].get("isCA"):
                continue
            spec = each["spec"]
            self.authority.issue(
                self.secret(spec["secretName"]), spec["privateKey"]["algorithm"],
                spec["commonName"], spec.get("dnsNames", []), spec.get("uris", []),
                spec["usages"])

    def config(self, *names):
        return os.path.join(self.work, "config", *names)

    def secret(self, *names):
        return os.path.join(self.work, "secrets", *names)

    def address(self, name):
        return f"{NETWORK}.{sorted(self.deployments).index(name) + 2}"

    def connect(self):
        run("ip", "link", "add", BRIDGE, "type", "bridge")
        run("ip", "address", "add", f"{NETWORK}.1/24", "dev", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")
        for number, name in enumerate(sorted(self.deployments)):
            namespace, here, there = f"caravan-{name}", f"caravan{number}h", f"caravan{number}c"
            run("ip", "netns", "add", namespace)
            self.namespaces.append(namespace)
            run("ip", "link", "add", here, "type", "veth", "peer", "name", there)
            run("ip", "link", "set", here, "master", BRIDGE, "up")
            run("ip", "link", "set", there, "netns", namespace)
            inside = ("ip", "netns", "exec", namespace, "ip")
            run(*inside, "address", "add", f"{self.address(name)}/24", "dev", there)
            run(*inside, "link", "set", there, "up")
            run(*inside, "link", "set", "lo", "up")

    def volume(self, pod, name, volume):
        """A folder with what the kubelet would mount; with it, whether it can be written."""
        group = pod["securityContext"]["fsGroup"]
        folder = os.path.join(self.work, "volumes", pod["serviceAccountName"], name)
        if "persistentVolumeClaim" in volume:
            os.makedirs(folder)
            os.chown(folder, 0, group)
            os.chmod(folder, 0o2775)
            return folder, True
        if "configMap" in volume:
            shutil.copytree(self.config(volume["configMap"]["name"]), folder)
            return folder, False
        source = self.secret(volume["secret"]["secretName"])
        items = volume["secret"].get("items") or [
            {"key": key, "path": key} for key in os.listdir(source)]
        os.makedirs(folder)
        for item in items:
            path = os.path.join(folder, item["path"])
            shutil.copy(os.path.join(source, item["key"]), path)
            os.chown(path, 0, group)
            os.chmod(path, volume["secret"]["defaultMode"])
        return folder, False

    def start(self, name):
        pod = self.deployments[name]["spec"]["template"]["spec"]
        [container] = pod["containers"]
        security, user = container["securityContext"], pod["securityContext"]
        assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
        # Limits of resources as this machine has them: it may not be allowed to raise them.
        command = ["podman", "run", "--detach", "--pull=never", "--ulimit", "host",
                   "--name", f"caravan-{name}-{os.getpid()}", "--read-only", "--read-only-tmpfs=false",
                   "--security-opt", "no-new-privileges",
                   "--user", f"{user['runAsUser']}:{user['runAsGroup']}",
                   "--group-add", user["fsGroup"],
                   "--network", f"ns:/run/netns/caravan-{name}"]
        for capability in security["capabilities"]["drop"]:
            command += ["--cap-drop", capability.lower()]
        for other in sorted(self.deployments):
            command += ["--add-host", f"{other}:{self.address(other)}"]
        for variable in container.get("env", []):
            command += ["--env", f"{variable['name']}={variable.get('value', name)}"]
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        for mount in container["volumeMounts"]:
            folder, writable = self.volume(pod, mount["name"], volumes[mount["name"]])
            assert writable != mount.get("readOnly", False), mount
            command += ["--volume", f"{folder}:{mount['mountPath']}:{'rw' if writable else 'ro'}"]
        self.containers[name] = run(*command, f"{container['image']}:{TAG}",
                                    *container["args"]).strip()

    def running(self, name):
        return json.loads(run("podman", "inspect", self.containers[name]))[0]["State"]

    def log(self, name):
        return subprocess.run(["podman", "logs", self.containers[name]], check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout

    def wait_until_ready(self, name):
        [container] = self.deployments[name]["spec"]["template"]["spec"]["containers"]
        probe = container["startupProbe"]
        deadline = time.monotonic() + probe["failureThreshold"] * probe["periodSeconds"]
        while True:
            state = self.running(name)
            if not state["Running"]:
                raise AssertionError(f"{name} has ended: {self.log(name)}")
            result = subprocess.run(
                ["ip", "netns", "exec", f"caravan-{name}", sys.executable, "-c",
                 HEALTH % probe["grpc"]["port"]], check=False, capture_output=True, text=True)
            if result.stdout.strip() == SERVING:
                return
            if time.monotonic() > deadline:
                raise AssertionError(f"{name} is not ready: {result.stderr}{self.log(name)}")
            time.sleep(0.1)

    def remove(self):
        for container in self.containers.values():
            subprocess.run(["podman", "rm", "--force", "--time", "0", container], check=False,
                           capture_output=True)
        for namespace in self.namespaces:
            subprocess.run(["ip", "netns", "delete", namespace], check=False)
        subprocess.run(["ip", "link", "delete", BRIDGE], check=False, capture_output=True)


class ImagesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.mkdtemp(prefix="caravan-images.")
        os.chmod(cls.work, 0o755)
        cls.cluster = None
        cls.addClassCleanup(cls.clean)
        cls.cluster = Cluster(cls.work)
        cls.cluster.connect()
        for name in cls.cluster.deployments:
            cls.cluster.start(name)
        for name in cls.cluster.deployments:
            cls.cluster.wait_until_ready(name)

    @classmethod
    def clean(cls):
        if cls.cluster:
            cls.cluster.remove()
        shutil.rmtree(cls.work)

    def test_1_every_process_has_a_deployment(self):
        mains = {os.path.basename(os.path.dirname(path)) for path in
                 run("git", "-C", ROOT, "ls-files", "services/*/main.cc").split()}
        self.assertEqual(mains, set(self.cluster.deployments))

    def test_2_images_are_small_and_not_of_root(self):
        for name in self.cluster.deployments:
            with self.subTest(name):
                image = json.loads(run("podman", "image", "inspect", f"caravan/{name}:{TAG}"))[0]
                self.assertEqual(image["Config"]["User"], "65532:65532")
                base = json.loads(run("podman", "history", "--format", "json",
                                      f"caravan/{name}:{TAG}"))[-1]["size"]
                print(f"caravan/{name}: {image['Size'] / 1e6:.0f} MB, "
                      f"{(image['Size'] - base) / 1e6:.0f} MB of them on top of the base")
                self.assertLess(image["Size"] - base, 100e6)

    def test_3_calls_get_through(self):
        folder = os.path.join(self.work, "admin")
        self.cluster.authority.issue(folder, "ECDSA", "admin", uris=["spiffe://caravan/users/admin"],
                                     usages=["client auth"])

        def read(name):
            with open(os.path.join(folder, name), "rb") as file:
                return file.read()

        # As a client would see it from outside: only the gateway's name and port.
        address = f"{self.cluster.address('gateway')}:8443"
        options = [("grpc.ssl_target_name_override", "gateway")]
        methods = ["/caravan.zones.v1.PilotZoneService/ListPilotZones",
                   "/caravan.fairs.v1.FairService/ListFairs",
                   "/caravan.logistics.v1.PartnerService/ListPartners"]
        admin = grpc.ssl_channel_credentials(read("ca.crt"), read("tls.key"), read("tls.crt"))
        with grpc.secure_channel(address, admin, options) as channel:
            for method in methods:
                with self.subTest(method):
                    self.assertEqual(channel.unary_unary(method)(b"", timeout=20), b"")
        nobody = grpc.ssl_channel_credentials(read("ca.crt"))
        with grpc.secure_channel(address, nobody, options) as channel:
            for method in methods:
                with self.subTest(method + " without credentials"):
                    with self.assertRaises(grpc.RpcError) as caught:
                        channel.unary_unary(method)(b"", timeout=20)
                    self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAUTHENTICATED)

    def test_4_roots_cannot_be_written(self):
        for name, container in self.cluster.containers.items():
            with self.subTest(name):
                result = subprocess.run(["podman", "exec", container, "touch", "/tmp/x"],
                                        check=False, capture_output=True, text=True)
                self.assertNotEqual(result.returncode, 0)
                self.assertIn("Read-only file system", result.stderr)

    def test_5_all_end_in_time_and_well(self):
        for name, container in self.cluster.containers.items():
            pod = self.cluster.deployments[name]["spec"]["template"]["spec"]
            run("podman", "stop", "--time", pod["terminationGracePeriodSeconds"], container)
            state = self.cluster.running(name)
            self.assertEqual(state["ExitCode"], 0, f"{name}: {self.cluster.log(name)}")


if __name__ == "__main__":
    if not TAG:
        sys.exit(__doc__)
    del sys.argv[1:]
    unittest.main(verbosity=2)
