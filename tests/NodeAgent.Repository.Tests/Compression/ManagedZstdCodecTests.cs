using NodeAgent.Repository.Compression;

namespace NodeAgent.Repository.Tests.Compression;

/// <summary>The port, which is there everywhere.</summary>
public sealed class ManagedZstdCodecTests() : ZstdCodecTests(ZstdImplementation.Managed);
