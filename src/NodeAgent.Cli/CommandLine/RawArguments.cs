using System.Text;

namespace NodeAgent.Cli.CommandLine;

/// <summary>
/// The bytes of an argument. .NET hands arguments over as text and puts U+FFFD where they are not UTF-8, so a file name in
/// another encoding could not be named; the kernel still has the bytes.
/// </summary>
internal static class RawArguments
{
    private const char Replacement = '\ufffd';

    public static byte[] BytesOf(string argument) => argument.Contains(Replacement, StringComparison.Ordinal)
        ? Find(argument, File.ReadAllBytes("/proc/self/cmdline")) ?? Encoding.UTF8.GetBytes(argument)
        : Encoding.UTF8.GetBytes(argument);

    /// <summary>The one of the NUL-ended arguments, or the value after its equals sign, that reads as the text.</summary>
    internal static byte[]? Find(string argument, byte[] commandLine)
    {
        foreach (var range in commandLine.AsSpan().Split((byte)0))
        {
            var bytes = commandLine.AsSpan(range);
            var value = bytes.StartsWith("--"u8) && bytes.IndexOf((byte)'=') is var at and > 0 ? bytes[(at + 1)..] : default;
            if (Encoding.UTF8.GetString(bytes) == argument)
                return bytes.ToArray();
            if (!value.IsEmpty && Encoding.UTF8.GetString(value) == argument)
                return value.ToArray();
        }

        return null;
    }
}
