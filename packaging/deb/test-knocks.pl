#!/usr/bin/perl
# test-knocks.pl FILE: asks the service for an answer, eight people at once, until FILE is there;
# each waits for the answer, then asks again. Prints how often that went well or not, and what went
# wrong with its time to the standard error.
#
# In Perl, because the smallest Debian has it: the package's own Python is replaced meanwhile.
use strict;
use warnings;
use IO::Handle;
use IO::Socket::INET;

my ($end) = @ARGV;
my $people    = 8;
my $patience  = 900;    # seconds
my $connecting = 30;

pipe(my $in, my $out) or die "pipe: $!";
for (1 .. $people) {
    my $child = fork();
    die "fork: $!" unless defined $child;
    next if $child;
    close $in;
    $out->autoflush(1);
    until (-e $end) {
        my $began = time;
        my $how   = ask();
        my $took  = time - $began;
        print $out "$how $took\n";
        print STDERR scalar(localtime), ": $how after $took s\n" if $how ne "answered";
        select(undef, undef, undef, 0.1);
    }
    exit 0;
}
close $out;
my %count   = (answered => 0, refused => 0, unanswered => 0);
my $longest = 0;
while (my $line = <$in>) {
    my ($how, $took) = split ' ', $line;
    $count{$how}++;
    $longest = $took if $took > $longest;
}
1 while wait() != -1;
print "$count{answered} $count{refused} $count{unanswered} $longest\n";

sub ask {
    my $socket =
      IO::Socket::INET->new(PeerAddr => "127.0.0.1:8080", Timeout => $connecting);
    if (!$socket) {
        print STDERR "$@\n";
        return "refused";
    }
    local $SIG{ALRM} = sub { die "no answer within $patience s\n" };
    local $SIG{PIPE} = 'IGNORE';
    my $first = eval {
        alarm $patience;
        print $socket "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        my $line = <$socket>;
        1 while defined $line && defined <$socket>;
        alarm 0;
        $line;
    };
    alarm 0;
    return "answered" if defined $first && $first =~ m{^HTTP/1\.1 200 };
    print STDERR $first // ($@ || "closed without an answer\n");
    return "unanswered";
}
