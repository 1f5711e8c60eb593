"""The prover network's messages, generated from the .proto files beside this module.

`protoc` of grpcio-tools makes them anew; the test of the descriptors says how and compares.
"""
