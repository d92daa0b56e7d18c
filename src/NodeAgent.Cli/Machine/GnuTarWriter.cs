using System.Globalization;
using System.Text;

namespace NodeAgent.Cli.Machine;

/// <summary>
/// Writes headers of a GNU tar archive. System.Formats.Tar takes names as text, and names here are bytes; GNU's format
/// carries any name and any number.
/// </summary>
internal sealed class GnuTarWriter(Stream destination)
{
    public const char RegularFile = '0';
    public const char HardLink = '1';
    public const char SymbolicLink = '2';
    public const char CharacterDevice = '3';
    public const char BlockDevice = '4';
    public const char Directory = '5';
    public const char Fifo = '6';

    private const int Block = 512;
    private const int ShortName = 100;
    private const char LongName = 'L';
    private const char LongLink = 'K';

    /// <summary>The header of an entry; whoever calls then writes exactly the content and <see cref="WritePaddingAsync"/>.</summary>
    public async Task WriteHeaderAsync(TarHeader header, CancellationToken cancellationToken)
    {
        if (header.LinkTarget.Length > ShortName)
            await WriteLongAsync(LongLink, header.LinkTarget, cancellationToken);
        if (header.Name.Length > ShortName)
            await WriteLongAsync(LongName, header.Name, cancellationToken);
        await destination.WriteAsync(Build(header), cancellationToken);
    }

    /// <summary>Fills the last block of a content of this length.</summary>
    public async Task WritePaddingAsync(long length, CancellationToken cancellationToken)
    {
        if (length % Block is > 0 and var rest)
            await destination.WriteAsync(new byte[Block - (int)rest], cancellationToken);
    }

    /// <summary>Two empty blocks end the archive.</summary>
    public async Task EndAsync(CancellationToken cancellationToken) => await destination.WriteAsync(new byte[2 * Block], cancellationToken);

    private async Task WriteLongAsync(char type, ReadOnlyMemory<byte> text, CancellationToken cancellationToken)
    {
        var header = new TarHeader { Type = type, Name = "././@LongLink"u8.ToArray(), Size = text.Length + 1 };
        await destination.WriteAsync(Build(header), cancellationToken);
        await destination.WriteAsync(text, cancellationToken);
        await destination.WriteAsync(new byte[1], cancellationToken);
        await WritePaddingAsync(text.Length + 1, cancellationToken);
    }

    private static byte[] Build(TarHeader header)
    {
        var block = new byte[Block];
        Text(block, 0, 100, header.Name.Span);
        Number(block, 100, 8, header.Mode);
        Number(block, 108, 8, header.UserId);
        Number(block, 116, 8, header.GroupId);
        Number(block, 124, 12, header.Size);
        Number(block, 136, 12, header.ModifiedSeconds);
        block.AsSpan(148, 8).Fill((byte)' ');
        block[156] = (byte)header.Type;
        Text(block, 157, 100, header.LinkTarget.Span);
        "ustar  \0"u8.CopyTo(block.AsSpan(257));
        if (header.Type is CharacterDevice or BlockDevice)
        {
            Number(block, 329, 8, header.DeviceMajor);
            Number(block, 337, 8, header.DeviceMinor);
        }

        // The checksum counts its own field as blanks.
        var sum = 0;
        foreach (var value in block)
            sum += value;
        Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(block, 148);
        return block;
    }

    private static void Text(byte[] block, int offset, int width, ReadOnlySpan<byte> text) =>
        text[..Math.Min(text.Length, width)].CopyTo(block.AsSpan(offset, width));

    /// <summary>Octal digits and a NUL where they fit, else GNU's big-endian binary form with the top bit set.</summary>
    private static void Number(byte[] block, int offset, int width, long value)
    {
        var field = block.AsSpan(offset, width);
        var octal = value < 0 ? "" : Convert.ToString(value, 8);
        if (value >= 0 && octal.Length < width)
        {
            Encoding.ASCII.GetBytes(octal.PadLeft(width - 1, '0')).CopyTo(field);
            return;
        }

        for (var i = width - 1; i >= 0; i--)
        {
            field[i] = (byte)value;
            value >>= 8;
        }

        field[0] |= 0x80;
    }
}
