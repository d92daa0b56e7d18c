using NodeAgent.Repository.Compression;

namespace NodeAgent.Repository.Tests.Compression;

/// <summary>libzstd; skipped where it is not installed.</summary>
public sealed class NativeZstdCodecTests() : ZstdCodecTests(ZstdImplementation.Native);
