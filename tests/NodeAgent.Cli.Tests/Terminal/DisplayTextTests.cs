using System.Text;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Tests.Terminal;

public sealed class DisplayTextTests
{
    [Theory]
    [InlineData("plain name.txt", "plain name.txt")]
    [InlineData("naïve 日本", "naïve 日本")]
    [InlineData("back\\slash", "back\\slash")]
    [InlineData("bell\u0007", "$'bell\\007'")]
    [InlineData("\e[2Jcleared", "$'\\033[2Jcleared'")]
    [InlineData("two\nlines", "$'two\\nlines'")]
    [InlineData("it's\t", "$'it\\'s\\t'")]
    [InlineData("\u202etxt.exe", "$'\\342\\200\\256txt.exe'")]
    public void A_name_that_would_move_the_cursor_is_shown_as_a_quoted_word(string name, string shown) =>
        Assert.Equal(shown, DisplayText.Name(Encoding.UTF8.GetBytes(name)));

    [Fact]
    public void Bytes_that_are_no_text_are_shown_one_by_one() =>
        Assert.Equal("$'a\\377b'", DisplayText.Name([(byte)'a', 0xff, (byte)'b']));

    [Fact]
    public void A_message_stays_on_one_line() =>
        Assert.Equal("first; second \\u001b[0m", DisplayText.OneLine("first\nsecond \e[0m\n"));

    [Theory]
    [InlineData("a long note", 7, "a long…")]
    [InlineData("short", 5, "short")]
    [InlineData("日本語日本語", 6, "日本…")]
    [InlineData("😀😀😀", 5, "😀😀…")]
    [InlineData("any", 1, "…")]
    [InlineData("any", 0, "")]
    public void A_long_text_keeps_its_beginning(string text, int columns, string shown) =>
        Assert.Equal(shown, DisplayText.FitRight(text, columns));

    [Theory]
    [InlineData("/a/long/path/name.txt", 10, "…/name.txt")]
    [InlineData("short", 10, "short")]
    [InlineData("日本語日本語", 5, "…本語")]
    public void A_long_path_keeps_its_end(string path, int columns, string shown) =>
        Assert.Equal(shown, DisplayText.FitLeft(path, columns));
}
