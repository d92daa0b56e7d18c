using System.Text;
using NodeAgent.Cli.CommandLine;

namespace NodeAgent.Cli.Tests.CommandLine;

public sealed class RawArgumentsTests
{
    private static readonly byte[] CommandLine = [.. "ls\0"u8, 0xe9, .. "t\0--path=b"u8, 0xff, .. "\0plain\0"u8];

    [Fact]
    public void An_argument_that_is_no_text_keeps_its_bytes() =>
        Assert.Equal([0xe9, (byte)'t'], RawArguments.Find("\ufffdt", CommandLine));

    [Fact]
    public void So_does_the_value_of_a_flag() =>
        Assert.Equal([(byte)'b', 0xff], RawArguments.Find("b\ufffd", CommandLine));

    [Fact]
    public void Text_is_taken_as_UTF_8() => Assert.Equal(Encoding.UTF8.GetBytes("naïve"), RawArguments.BytesOf("naïve"));
}
