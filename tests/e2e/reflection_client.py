#!/usr/bin/python3
"""A client that knows nothing of Caravan but what its server tells by reflection.

    reflection_client.py --address HOST:PORT --ca FILE --certificate FILE --key FILE

Lists, creates and watches; exits with 1 where something is not as it should be.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import uuid

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

REFLECTION = "grpc/reflection/v1/reflection.proto"
# Several services stand behind one address; what each of them has, such as
# reflection and the change feed, is asked of the one that is named.
OF_ZONES = (("caravan-service", "zones"),)


class Client:
    """Calls methods by name, with messages as JSON, on what reflection describes."""

    def __init__(self, channel):
        self.channel = channel
        # Of reflection itself its contract is known: everybody has it.
        self.pool = descriptor_pool.DescriptorPool()
        with tempfile.NamedTemporaryFile() as out:
            subprocess.run(["protoc", "--proto_path=/usr/share/grpc-proto", "--include_imports",
                            f"--descriptor_set_out={out.name}", REFLECTION], check=True)
            files = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(out.name).read_bytes())
        for file in files.file:
            self.pool.Add(file)
        self.factory = message_factory.MessageFactory(self.pool)
        self.known = {file.name for file in files.file}

    def reflect(self, **question):
        return next(self.call("grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                              [question], as_json=False))

    def services(self):
        answer = self.reflect(list_services="*").list_services_response
        return sorted(service.name for service in answer.service)

    def learn(self, symbol):
        waiting = {}
        for data in self.reflect(
                file_containing_symbol=symbol).file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(data)
            waiting[file.name] = file

        def add(name):
            if name in self.known:
                return
            if name not in waiting:
                answer = self.reflect(file_by_filename=name).file_descriptor_response
                for data in answer.file_descriptor_proto:
                    file = descriptor_pb2.FileDescriptorProto.FromString(data)
                    waiting[file.name] = file
            self.known.add(name)
            for dependency in waiting[name].dependency:
                add(dependency)
            self.pool.Add(waiting[name])

        for name in list(waiting):
            add(name)

    def call(self, path, request, as_json=True, timeout=30):
        """Calls `package.Service/Method`; a list of requests is a stream of them."""
        service, name = path.split("/")
        method = self.pool.FindServiceByName(service).methods_by_name[name]
        proto = descriptor_pb2.MethodDescriptorProto()
        method.CopyToProto(proto)
        ask = self.factory.GetPrototype(method.input_type)
        answer = self.factory.GetPrototype(method.output_type)
        kind = {(False, False): self.channel.unary_unary, (False, True): self.channel.unary_stream,
                (True, False): self.channel.stream_unary, (True, True): self.channel.stream_stream}[
                    proto.client_streaming, proto.server_streaming]
        stub = kind("/" + path, request_serializer=ask.SerializeToString,
                    response_deserializer=answer.FromString)
        to_message = lambda fields: json_format.ParseDict(fields, ask(), descriptor_pool=self.pool)
        sent = map(to_message, request) if isinstance(request, list) else to_message(request)
        got = stub(sent, metadata=OF_ZONES, timeout=timeout)
        to_json = lambda message: json_format.MessageToDict(message, descriptor_pool=self.pool)
        if not as_json:
            return got
        return Answers(got, to_json) if proto.server_streaming else to_json(got)


class Answers:
    """A stream of answers as JSON."""

    def __init__(self, stream, convert):
        self.stream, self.convert = stream, convert

    def __iter__(self):
        return map(self.convert, self.stream)

    def cancel(self):
        self.stream.cancel()


def credit_code(body):
    """A unified social credit code of 17 characters and its check character (GB 32100-2015)."""
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    total = sum(alphabet.index(c) * pow(3, i, 31) for i, c in enumerate(body))
    return body + alphabet[(31 - total % 31) % 31]


def check(what, is_so):
    if not is_so:
        sys.exit(f"FAILED: {what}")
    print(f"ok: {what}")


def main():
    parser = argparse.ArgumentParser()
    for name in ("address", "ca", "certificate", "key"):
        parser.add_argument("--" + name, required=True)
    flags = parser.parse_args()
    read = lambda file: pathlib.Path(file).read_bytes()
    credentials = grpc.ssl_channel_credentials(read(flags.ca), read(flags.key),
                                               read(flags.certificate))
    client = Client(grpc.secure_channel(flags.address, credentials))

    services = client.services()
    check("reflection lists the services", "caravan.zones.v1.PilotZoneService" in services)
    for service in services:
        client.learn(service)

    zones, token = [], ""
    while True:
        page = client.call("caravan.zones.v1.PilotZoneService/ListPilotZones",
                           {"filter": "batch = 5", "pageSize": 20, "pageToken": token})
        zones += page["pilotZones"]
        token = page.get("nextPageToken", "")
        if not token:
            break
    check("46 zones of batch 5, in pages", len({zone["name"] for zone in zones}) == 46)

    code = credit_code("91330108" + uuid.uuid4().hex[:9].upper().replace("I", "1")).lower()
    name = "enterprises/" + code
    changes = client.call("caravan.api.v1.ChangeService/WatchChanges",
                          {"startRevision": 1, "filter": f'resource = "{name}"'})
    enterprise = {"displayName": "Reflected Trading", "country": "CN", "province": "CN-ZJ",
                  "pilotZone": "pilotZones/hangzhou", "roles": ["SELLER"],
                  "registrationDate": {"year": 2020, "month": 2, "day": 29}}
    created = client.call("caravan.zones.v1.EnterpriseService/CreateEnterprise",
                          {"enterprise": enterprise, "enterpriseId": code,
                           "requestId": str(uuid.uuid4())})
    check("it creates an enterprise", created["name"] == name and created["state"] == "ACTIVE")
    change = next(iter(changes))
    changes.cancel()
    check("it sees the change", change["resource"] == name and change["kind"] == "CREATED" and
          change["after"]["displayName"] == "Reflected Trading")
    check("the change names who made it", change["actor"] == "users/admin")

    try:
        client.call("caravan.zones.v1.EnterpriseService/CreateEnterprise",
                    {"enterprise": enterprise, "enterpriseId": code[:-1] + "i"})
        check("a wrong check character is refused", False)
    except grpc.RpcError as error:
        check("a wrong check character is refused",
              error.code() == grpc.StatusCode.INVALID_ARGUMENT and
              "grpc-status-details-bin" in dict(error.trailing_metadata()))


if __name__ == "__main__":
    main()
