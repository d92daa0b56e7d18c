namespace NodeAgent.Cli.Machine;

/// <summary>What a tar archive says of one entry.</summary>
internal sealed record TarHeader
{
    public required char Type { get; init; }

    public required ReadOnlyMemory<byte> Name { get; init; }

    public ReadOnlyMemory<byte> LinkTarget { get; init; }

    public uint Mode { get; init; }

    public uint UserId { get; init; }

    public uint GroupId { get; init; }

    public long Size { get; init; }

    public long ModifiedSeconds { get; init; }

    public uint DeviceMajor { get; init; }

    public uint DeviceMinor { get; init; }
}
